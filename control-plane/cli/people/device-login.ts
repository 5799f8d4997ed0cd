/** Single sign-on of the command: a code that a person confirms in a browser, anywhere, while this waits for the server's word. */
import { setTimeout as delay } from "node:timers/promises";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { beginDeviceLogin, getSignOnOptions, pollDeviceLogin } from "../../client/generated/api.ts";
import type { ApiClient } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import { writeMessage } from "../terminal/outputs.ts";

const NOT_FOUND = 404;

/** Whether people log in to that server by single sign-on; one of before knows nothing of it. */
export async function offersSignOn(api: ApiClient): Promise<boolean> {
  try {
    const { name, is_available: isAvailable } = await api.send(getSignOnOptions());
    return name !== null && isAvailable;
  } catch (error) {
    if (error instanceof CliError && error.status === NOT_FOUND) return false;
    throw error;
  }
}

/** @returns the key, which ends like a session @throws CliError where nobody confirms the code, or with Ctrl-C */
export async function keyByDevice(api: ApiClient): Promise<string> {
  const begun = await api.send(beginDeviceLogin());
  const direct = begun.verification_uri_complete;
  writeMessage(
    `Open ${begun.verification_uri} in a browser, on any machine, and type the code ${begun.user_code}\n${
      direct === null ? "" : `or open ${direct} and compare the code.\n`
    }Confirm it only if you began this login yourself. Waiting…\n`,
  );
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  try {
    let { login, interval_seconds: seconds } = begun;
    for (;;) {
      await delay(seconds * MS_PER_SECOND, undefined, { signal: interrupted.signal });
      const answer = await api.send(pollDeviceLogin({ login }));
      if (answer.key !== null) return answer.key;
      // The server has the provider polled as often as that wishes.
      seconds = answer.interval_seconds;
      login = answer.login ?? login;
    }
  } catch (error) {
    if (interrupted.signal.aborted) throw new CliError("interrupted", "Nothing was kept.", { cause: error });
    throw error;
  } finally {
    process.off("SIGINT", interrupt);
  }
}
