/** What the server reports, as whoever reads Chinese sees it: worded by its code, and marked where it came as a text. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DashboardScene, openDashboardScene } from "../../../support/dashboard/dashboard-scene.ts";
import { expectText, textOf } from "../../../support/dashboard/page-checks.ts";
import { hasBrowser } from "../../../support/engines/chromium/browser.ts";

const OLDER = "It is what a host of an older version says.";

let scene: DashboardScene;

beforeAll(async () => {
  scene = await openDashboardScene();
  await scene.control.host("h-1", { gpus: 1 });
});
afterAll(() => scene.close());

/** What is marked as English in the content of the page. */
const MARKED = "[...document.querySelectorAll('main [lang=en]')].map((one) => one.innerText)";

describe.skipIf(!hasBrowser)("who reads Chinese (left out where Chromium is not installed)", () => {
  test("reads alarms by their code, and what came as a text marked as English", async () => {
    await scene.control.api.db.query(
      `INSERT INTO alarms (kind, subject, detail, reason_code, reason_params, raised_at)
       VALUES ('host-floods', 'h-1', 'in English', 'host-requests-too-many', '{"host_id": "h-1"}', now()),
              ('unknown-instance', 'h-1', $1, 'as-reported', jsonb_build_object('text', $1::text), now()),
              ('of-tomorrow', 'h-1', 'Of tomorrow.', 'code-of-tomorrow', '{}', now())`,
      [OLDER],
    );

    const { page } = await scene.open("/alarms", scene.control.api.admin, "zh");

    await expectText(page, "主机消息过多", "tbody");
    await expectText(page, "未知实例", "tbody");
    expect(await textOf(page, "tbody")).not.toContain("in English");
    expect(await page.evaluate(MARKED)).toEqual(["of-tomorrow", "Of tomorrow.", OLDER]);
  });

  test("reads what happened on a host by terms, and the words of whoever did it as they are", async () => {
    const { api } = scene.control;
    await api.request("POST", "/api/v1/hosts/h-1/cordon", { as: api.admin, body: { reason: "new cables" } });

    const { page } = await scene.open("/hosts/h-1", api.admin, "zh");

    await expectText(page, /主机停止调度[\s\S]*new cables/);
    expect(await textOf(page, "main")).not.toContain("host-cordoned");
  });

  test("reads in the audit log what was requested", async () => {
    const { api } = scene.control;
    await api.request("POST", "/api/v1/hosts/h-0/cordon", { as: api.admin, body: {} });

    const { page } = await scene.open("/audit?outcome=refused", api.admin, "zh");

    await expectText(page, "主机 · 停止调度", "tbody");
    await expectText(page, "没有您可以查看的主机 …", "tbody");
    expect(await textOf(page, "tbody")).not.toMatch(/host\.cordon|not-found/);
  });

  test("reads why there is no output yet", async () => {
    const ada = await scene.control.customer("ada");
    const { id } = (await scene.control.order(ada, { gpu: 1 })).body;

    const { page } = await scene.open(`/environments/${id}?tab=logs`, ada, "zh");

    await expectText(page, "尚未运行");
    expect(await textOf(page, "main")).not.toContain("has not run yet");
  });
});
