/**
 * `/widgets.json` and `/apps.json` for OpenBB Workspace, as its documentation describes them:
 * https://docs.openbb.co/workspace/developers/json-specs/widgets-json-reference and `apps-json-reference`.
 * The ID of a widget is its endpoint with underscores.
 */

const COMMON = {
  category: "Equity",
  subCategory: "Short interest",
  type: "table",
  source: ["OpenD"],
} as const;
const GRID = { w: 20, h: 12 };
/** Rows change once a day at most, and each refresh is a request. */
const REFETCH_INTERVAL_MS = 3_600_000;
const REFRESH = { refetchInterval: REFETCH_INTERVAL_MS, staleTime: REFETCH_INTERVAL_MS };

const SYMBOL = "US.AAPL";
const SYMBOLS = "US.AAPL,US.TSLA,HK.00700";

const symbolParameter = {
  type: "text",
  paramName: "symbol",
  value: SYMBOL,
  label: "Symbol",
  description: "Market and code: US.AAPL, HK.00700.",
  show: true,
} as const;

const date = (paramName: string, label: string, value: string | null) =>
  ({ type: "date", paramName, value, label, description: `${label} (inclusive).`, show: true }) as const;
const historyParameters = [
  symbolParameter,
  date("from", "First day", "$currentDate-2y"),
  date("to", "Last day", null),
];

/** How a chart uses a column. */
type ChartUse = "time" | "series" | "excluded";
const column = (field: string, headerName: string, chartDataType: ChartUse, formatterFn = "none") =>
  ({ field, headerName, chartDataType, cellDataType: "number", formatterFn }) as const;
const text = (field: string, headerName: string) =>
  ({ field, headerName, chartDataType: "excluded", cellDataType: "text" }) as const;

const SERIES = [
  { field: "date", headerName: "Day", chartDataType: "time", cellDataType: "dateString" },
  column("shares", "Short interest (shares)", "series", "int"),
  column("percent", "Short interest", "excluded", "percent"),
  column("avg_daily_share_volume", "Average daily volume (US)", "excluded", "int"),
  column("days_to_cover", "Days to cover (US)", "excluded"),
  column("close_price", "Close", "excluded"),
  column("last_close_price", "Previous close", "excluded"),
] as const;

const table = { enableCharts: true, showAll: true };

export const WIDGETS = {
  v1_openbb_history: {
    ...COMMON,
    ...REFRESH,
    name: "Short interest: history",
    description: "Short interest of a US or Hong Kong security, newest row first.",
    endpoint: "v1/openbb/history",
    gridData: GRID,
    params: historyParameters,
    data: { table: { ...table, columnsDefs: SERIES } },
  },
  v1_openbb_chart: {
    ...COMMON,
    ...REFRESH,
    name: "Short interest: chart",
    description: "Shares sold short of a US or Hong Kong security, over time.",
    endpoint: "v1/openbb/chart",
    gridData: GRID,
    params: historyParameters,
    data: {
      table: {
        ...table,
        chartView: { enabled: true, chartType: "line", cellRangeCols: { line: ["date", "shares"] } },
        columnsDefs: SERIES,
      },
    },
  },
  v1_openbb_latest: {
    ...COMMON,
    ...REFRESH,
    name: "Short interest: newest rows",
    description: "The newest short interest of up to 50 securities, and its change since the row before.",
    endpoint: "v1/openbb/latest",
    gridData: { w: 40, h: 12 },
    params: [
      {
        type: "text",
        paramName: "symbols",
        value: SYMBOLS,
        label: "Symbols",
        description: "1 to 50 symbols, comma-separated.",
        show: true,
      },
    ],
    data: {
      table: {
        ...table,
        columnsDefs: [
          { ...text("symbol", "Symbol"), pinned: "left" },
          ...SERIES,
          { ...column("change_percent", "Change", "excluded", "percent"), renderFn: "greenRed" },
          text("error", "Error"),
        ],
      },
    },
  },
} as const;

/** Widgets of one group share the symbol. OpenBB's groups have such names. */
const GROUP = "Group 1";
const SHARED = ["v1_openbb_history", "v1_openbb_chart"] as const;

export const APPS = [
  {
    name: "Short interest",
    description: "Short interest of US and Hong Kong securities.",
    img: "",
    img_dark: "",
    img_light: "",
    allowCustomization: true,
    tabs: {
      overview: {
        id: "overview",
        name: "Overview",
        layout: [
          {
            i: "v1_openbb_chart",
            x: 0,
            y: 0,
            ...GRID,
            groups: [GROUP],
            state: { params: { symbol: SYMBOL } },
          },
          {
            i: "v1_openbb_history",
            x: 20,
            y: 0,
            ...GRID,
            groups: [GROUP],
            state: { params: { symbol: SYMBOL } },
          },
          { i: "v1_openbb_latest", x: 0, y: 12, w: 40, h: 12, state: { params: { symbols: SYMBOLS } } },
        ],
      },
    },
    groups: [{ name: GROUP, type: "param", paramName: "symbol", widgetIds: SHARED, defaultValue: SYMBOL }],
    prompts: ["How has the short interest of this security changed in the last year?"],
  },
] as const;
