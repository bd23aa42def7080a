import { describe, expect, it } from "vitest";
import { usHistory } from "../stand-ins/sample-data.ts";
import { startDataCenters } from "../support/data-center.ts";

const SYMBOL = "US.AAPL";
/** The cursor after 45 rows: the first page has 5 more. */
const cursor = String(usHistory("AAPL")?.[44]?.timestamp);

/** A data center that has the first page of the symbol, and the pages of some other symbols. */
async function start(others: number) {
  const { service, dataCenters } = await startDataCenters(1);
  const [dataCenter] = dataCenters;
  if (!dataCenter) throw new Error("There is one data center");
  await dataCenter.page(SYMBOL, { num: 50 });
  for (let count = 0; count < others; count += 1) await dataCenter.page(`US.T${count}`);
  return { dataCenter, calls: async () => (await service.opend.stats()).calls };
}

describe("page with a cursor near the end of another page", () => {
  it("is fetched once if it has more rows than the rest of that page", async () => {
    const { dataCenter, calls } = await start(0);
    for (const tier of ["opend", "edge"]) {
      const { result } = await dataCenter.page(SYMBOL, { cursor, num: 20 });
      expect(result).toMatchObject({ tier, page: { rows: { length: 20 } } });
    }
    expect(await calls()).toBe(2);
  });

  it("is not fetched for the rows that the other page has", async () => {
    const { dataCenter, calls } = await start(0);
    const { result } = await dataCenter.page(SYMBOL, { cursor, num: 5 });
    expect(result).toMatchObject({ tier: "edge", page: { rows: { length: 5 } } });
    expect(await calls()).toBe(1);
  });

  it("leaves the last permits to others, and has the rest of the other page then", async () => {
    // 26 of 30 permits are used.
    const { dataCenter, calls } = await start(25);
    const { result } = await dataCenter.page(SYMBOL, { cursor, num: 20 });
    expect(result?.page.rows).toHaveLength(5);
    expect(result?.page.next).not.toBeNull();
    expect((await dataCenter.page("US.TSLA")).result?.tier).toBe("opend");
    expect(await calls()).toBe(27);
  });
});
