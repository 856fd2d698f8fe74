/** Reads the QR codes of a page as a phone does: from the picture on the screen. */
import { createRequire } from "node:module";

const require = createRequire(`${process.env.MODULES}/`);
const { PNG } = require("pngjs");
const jsQR = require("jsqr");

export async function reads(locator) {
  const { data, width, height } = PNG.sync.read(await locator.screenshot());
  // Black on white only, as the pickier phones want it.
  return jsQR(new Uint8ClampedArray(data), width, height, { inversionAttempts: "dontInvert" })?.data ?? null;
}
