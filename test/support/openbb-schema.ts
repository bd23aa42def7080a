/**
 * JSON Schemas of `/widgets.json` and `/apps.json`, written after OpenBB's documentation: `widgets-json-reference.md` and
 * `apps-json-reference.md` under `developers/json-specs`. OpenBB publishes no schema. Only members that these
 * documents name are allowed, except for `groups` of a layout, which only their examples have.
 */

const text = { type: "string", minLength: 1 };
const flag = { type: "boolean" };
const object = (properties: Record<string, object>, required: readonly string[] = []) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const list = (items: object) => ({ type: "array", items });
const map = (values: object) => ({ type: "object", minProperties: 1, additionalProperties: values });

const CHART_TYPES = [
  "column",
  "groupedColumn",
  "bar",
  "line",
  "scatter",
  "bubble",
  "pie",
  "area",
  "histogram",
];

const column = object(
  {
    field: text,
    headerName: text,
    chartDataType: { enum: ["category", "series", "time", "excluded"] },
    cellDataType: { enum: ["text", "number", "boolean", "date", "dateString", "object"] },
    formatterFn: { enum: ["int", "none", "percent", "normalized", "normalizedPercent", "dateToYear"] },
    renderFn: {
      enum: ["greenRed", "titleCase", "hoverCard", "cellOnClick", "columnColor", "showCellChange"],
    },
    width: { type: "number" },
    hide: flag,
    pinned: { enum: ["left", "right"] },
    headerTooltip: text,
  },
  ["field"],
);

const table = object({
  enableCharts: flag,
  showAll: flag,
  chartView: object({
    enabled: flag,
    chartType: { enum: CHART_TYPES },
    cellRangeCols: map(list(text)),
    ignoreCellRange: flag,
  }),
  columnsDefs: list(column),
});

const parameter = object(
  {
    type: { enum: ["date", "text", "ticker", "number", "boolean", "endpoint", "form"] },
    paramName: text,
    // null, or a date such as $currentDate-2y, only for dates.
    value: { type: ["string", "number", "boolean", "null"] },
    label: text,
    show: flag,
    description: text,
    multiSelect: flag,
  },
  ["type", "paramName"],
);

const grid = (maximum: number) => ({ type: "integer", minimum: 1, maximum });

export const WIDGETS_SCHEMA = map(
  object(
    {
      name: text,
      description: text,
      endpoint: { type: "string", pattern: "^[^/]" },
      category: text,
      subCategory: text,
      type: { enum: ["chart", "table", "markdown", "metric", "note", "multi_file_viewer", "live_grid"] },
      gridData: object({ w: grid(40), h: grid(100) }),
      data: object({ dataKey: text, table }),
      params: list(parameter),
      source: list(text),
      refetchInterval: { type: "number", minimum: 1_000 },
      staleTime: { type: "number" },
    },
    ["name", "description", "endpoint"],
  ),
);

const place = { type: "integer", minimum: 0 };
const layout = object(
  {
    i: text,
    x: place,
    y: place,
    w: grid(40),
    h: grid(100),
    state: object({ params: map(text) }),
    groups: list(text),
  },
  ["i", "x", "y", "w", "h"],
);
const tab = object({ id: text, name: text, layout: list(layout) }, ["id", "name", "layout"]);
const group = object(
  {
    name: { type: "string", pattern: "^Group \\d+$" },
    type: { enum: ["param", "endpointParam"] },
    paramName: text,
    widgetIds: list(text),
    defaultValue: text,
  },
  ["name", "type", "paramName"],
);
const image = { type: "string" };

export const APPS_SCHEMA = list(
  object(
    {
      name: text,
      description: text,
      img: image,
      img_dark: image,
      img_light: image,
      allowCustomization: flag,
      tabs: map(tab),
      groups: list(group),
      prompts: list(text),
    },
    ["name", "description", "img", "allowCustomization", "tabs", "groups"],
  ),
);

/** The answer of a data endpoint: flat rows. */
export const ROWS_SCHEMA = list(map({ type: ["string", "number", "boolean", "null"] }));
