"""`python -m auditgen` runs the same program as `auditgen`."""

from auditgen.cli import main

if __name__ == "__main__":
    main()
