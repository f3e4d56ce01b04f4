"""The parts of an OSCAL catalog that a checklist has a place for, as read and before they are converted."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Prop:
    """A named value."""

    name: str
    value: str
    ns: str | None = None
    cls: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A reference: `#id` within the document, or elsewhere."""

    href: str
    rel: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text with its name (`statement`, `item`, `guidance`, ...) and the pieces below it."""

    name: str
    id: str | None
    cls: str | None
    ns: str | None
    title: str | None
    prose: str | None
    props: tuple[Prop, ...]
    parts: tuple[Part, ...]
    links: int
    pointer: str

    @property
    def label(self) -> str | None:
        """How the text counts it, such as `a.`; the label made for people, where there are several."""
        return label_of(self.props)


@dataclass(frozen=True, slots=True)
class Param:
    """A blank."""

    id: str
    label: str | None
    choices: tuple[str, ...]
    how_many: str | None
    values: tuple[str, ...]
    remarks: tuple[str, ...]
    """Constraints, guidelines and usage."""
    pointer: str


@dataclass(frozen=True, slots=True)
class Control:
    """A control or an enhancement."""

    id: str
    title: str
    params: tuple[Param, ...]
    props: tuple[Prop, ...]
    links: tuple[Link, ...]
    parts: tuple[Part, ...]
    group: str
    """Key of its group."""
    parent: str | None
    pointer: str

    @property
    def label(self) -> str | None:
        """As the framework prints its number, such as `AC-2(1)`."""
        return label_of(self.props)

    @property
    def is_withdrawn(self) -> bool:
        """Whether the framework keeps only its number."""
        return any(p.name == "status" and p.value.lower() == "withdrawn" for p in self.props)


@dataclass(frozen=True, slots=True)
class Group:
    """A heading."""

    key: str
    """Its id, or its pointer when it has none."""
    id: str | None
    title: str
    label: str | None
    parent: str | None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a document says of itself."""

    title: str
    version: str
    authority: str | None
    texts: tuple[str, ...] = ()
    """Where it may speak of its licence."""


@dataclass(slots=True)
class Catalog:
    """A catalog as read, or what is left of it after a profile."""

    metadata: Metadata
    groups: list[Group] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    params: dict[str, Param] = field(default_factory=dict)
    """Those of the catalog and of its groups, which belong to no control."""
    resources: dict[str, str] = field(default_factory=dict)
    """Titles of the back matter, by uuid."""


def label_of(props: tuple[Prop, ...]) -> str | None:
    """The label among some props; of several (padded for sorting) the plain one."""
    labels = [p for p in props if p.name == "label"]
    plain = [p for p in labels if p.cls not in {"zero-padded", "sp800-53a"}]
    return next((p.value for p in (*plain, *labels)), None)
