import { readFile, writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";

/** `npm run pictures` draws the icons and the Open Graph picture in Chromium. Commit the results. */

const SHARE = { width: 1_200, height: 630 };
const TOUCH_ICON_PX = 180;
const ICO_PX = 32;

const svg = await readFile("public/favicon.svg", "utf8");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" });
try {
  await writeFile("public/og.png", await draw(SHARE.width, SHARE.height, shareHtml()));
  await writeFile("public/apple-touch-icon.png", await icon(TOUCH_ICON_PX, "#0a58ca"));
  await writeFile("public/favicon.ico", icoOf(await icon(ICO_PX)));
} finally {
  await browser.close();
}

async function draw(width: number, height: number, html: string): Promise<Buffer> {
  const page = await browser.newPage({ viewport: { width, height } });
  await page.setContent(html);
  const png = await page.screenshot({ omitBackground: true });
  await page.close();
  return png;
}

function icon(px: number, background = "transparent"): Promise<Buffer> {
  return draw(
    px,
    px,
    `<body style="margin:0;background:${background}"><div style="width:${px}px">${svg}</div>`,
  );
}

/** An ICO file with one PNG: a directory of 6 bytes, an entry of 16 bytes, the PNG. */
function icoOf(png: Buffer): Buffer {
  const head = Buffer.alloc(22);
  head.writeUInt16LE(1, 2); // type: icon
  head.writeUInt16LE(1, 4); // number of images
  head.writeUInt8(ICO_PX, 6);
  head.writeUInt8(ICO_PX, 7);
  head.writeUInt16LE(1, 10); // color planes
  head.writeUInt16LE(32, 12); // bits per pixel
  head.writeUInt32LE(png.length, 14);
  head.writeUInt32LE(head.length, 18);
  return Buffer.concat([head, png]);
}

/** Bars for short interest and a line for the price, as in the web UI. The values are made up. */
function shareHtml(): string {
  const bars = [34, 38, 36, 45, 52, 49, 58, 66, 61, 72, 80, 76, 70, 78, 88, 95, 90, 84];
  const prices = [40, 52, 34, 62, 90, 78, 110, 142, 124, 166, 196, 178, 150, 172, 206, 232, 214, 190];
  const rects = bars.map(
    (height, index) =>
      `<rect x="${index * 60}" y="${320 - height * 3}" width="38" height="${height * 3}" rx="4" fill="#3d6fb4"/>`,
  );
  const points = prices.map((y, index) => `${index * 60 + 19},${y}`);
  return `<body style="margin:0;padding:56px 70px 0;box-sizing:border-box;height:630px;background:#14181d;color:#e6edf3;font-family:sans-serif">
<div style="display:flex;gap:28px;align-items:center"><div style="width:84px">${svg}</div>
<div style="font-size:68px;font-weight:700">Short interest</div></div>
<div style="font-size:34px;margin:20px 0 28px;color:#9aa5b1">Hong Kong and US securities: charts, JSON API, webhooks</div>
<svg width="1060" height="320" style="display:block">${rects.join("")}
<polyline points="${points.join(" ")}" fill="none" stroke="#ffab70" stroke-width="6" stroke-linejoin="round" stroke-linecap="round"/></svg>`;
}
