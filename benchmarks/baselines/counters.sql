-- What a careful person would write by hand for one known table: the same integers that auditgen's cube holds,
-- with the same vocabulary, from one scan. `$file` is the Parquet file.
SELECT
  grouping(hour) AS level, day, hour, model, outcome, basis, expected, cohort, category, verdict, action,
  count(*) AS n,
  count(*) FILTER (WHERE action = 'block') AS blocked,
  min(seen) AS first_at, max(seen) AS last_at
FROM (
  SELECT
    seen, seen::DATE AS day, date_trunc('hour', seen) AS hour, model, cohort, category,
    CASE result WHEN 'answered' THEN 'complied' WHEN 'declined' THEN 'refused' WHEN 'blocked' THEN 'blocked_input'
      ELSE CASE WHEN result IS NULL THEN 'unscored' ELSE '?' END END AS outcome,
    CASE WHEN result IN ('answered', 'declined', 'blocked') THEN 'native_field' ELSE 'none' END AS basis,
    CASE class WHEN 'disallowed' THEN 'refuse' WHEN 'ordinary' THEN 'comply'
      ELSE CASE WHEN class IS NOT NULL THEN '?' END END AS expected,
    CASE verdict WHEN 'allow' THEN 'allow' WHEN 'deny' THEN 'deny'
      ELSE CASE WHEN verdict IS NOT NULL THEN '?' END END AS verdict,
    CASE action WHEN 'pass' THEN 'pass' WHEN 'block' THEN 'block'
      ELSE CASE WHEN action IS NOT NULL THEN '?' END END AS action
  FROM (
    SELECT timezone('UTC', event_time) AS seen, model, plan AS cohort, category, result, request_class AS class,
      rail_verdict AS verdict, rail_action AS action
    FROM read_parquet('$file')
  )
)
GROUP BY GROUPING SETS (
  (day, model, outcome, basis, expected, cohort, category, verdict, action),
  (hour)
)
