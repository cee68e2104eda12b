SELECT
  "t5"."value",
  SUM("t5"."count") AS "count",
  MIN("t5"."first") AS "first",
  MAX("t5"."last") AS "last"
FROM (
  SELECT
    "t4"."part",
    "t4"."use",
    "t4"."count",
    "t4"."first",
    "t4"."last",
    "t2"."value"
  FROM (
    SELECT
      "t0"."part",
      "t0"."use",
      SUM("t0"."count") AS "count",
      MIN("t0"."first") AS "first",
      MAX("t0"."last") AS "last"
    FROM "hours" AS "t0"
    GROUP BY
      1,
      2
  ) AS "t4"
  INNER JOIN "uses" AS "t2"
    ON "t4"."part" = "t2"."part" AND "t4"."use" = "t2"."use"
) AS "t5"
GROUP BY
  1
