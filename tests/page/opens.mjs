// Opens a page on a desk and on a phone, with every case of its list, and prints what it says.

import { check, done, open } from "./browser.mjs";

for (const width of [1280, 390]) {
  const page = await open({ viewport: { width, height: 844 }, isMobile: width === 390 });
  const fits = () => page.evaluate(() => Math.max(document.documentElement.scrollWidth, innerWidth));
  check(`${width}: it fits`, await fits(), width);
  if (width === 1280) console.log(await page.locator("body").innerText());
  for (const link of (await page.locator("#list a.row").all()).slice(0, 5)) {
    await link.click();
    check(`${width}: a case fits`, await page.evaluate(() => document.getElementById("sheet").scrollWidth <= document.getElementById("sheet").clientWidth));
    if (width === 1280) console.log(await page.getByRole("dialog").innerText());
    await page.keyboard.press("Escape");
  }
  check(`${width}: nothing went wrong`, page.wrong, []);
  await page.context().close();
}
await done();
