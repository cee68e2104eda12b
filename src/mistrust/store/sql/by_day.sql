SELECT
  "t6"."day",
  "t6"."value",
  SUM("t6"."count") AS "count",
  MIN("t6"."first") AS "first",
  MAX("t6"."last") AS "last"
FROM (
  SELECT
    "t5"."part",
    "t5"."use",
    "t5"."day",
    "t5"."count",
    "t5"."first",
    "t5"."last",
    "t2"."value"
  FROM (
    SELECT
      "t3"."part",
      "t3"."use",
      "t3"."day",
      SUM("t3"."count") AS "count",
      MIN("t3"."first") AS "first",
      MAX("t3"."last") AS "last"
    FROM (
      SELECT
        "t1"."part",
        "t1"."use",
        "t1"."hour",
        "t1"."count",
        "t1"."first",
        "t1"."last",
        CAST(FLOOR((
          "t1"."hour"
        ) / (
          24
        )) AS BIGINT) AS "day"
      FROM "hours" AS "t1"
    ) AS "t3"
    GROUP BY
      1,
      2,
      3
  ) AS "t5"
  INNER JOIN "uses" AS "t2"
    ON "t5"."part" = "t2"."part" AND "t5"."use" = "t2"."use"
) AS "t6"
GROUP BY
  1,
  2
