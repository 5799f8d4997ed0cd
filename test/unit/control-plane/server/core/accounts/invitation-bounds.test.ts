import { expect, test } from "vitest";
import {
  invitationBound,
  type InvitationBound,
  MAX_A_DAY_OF_INVITER,
  MAX_OPEN_OF_INVITER,
  MAX_OPEN_OF_WORKSPACE,
} from "@remotegpu/control-plane/server/core/accounts/invitation-bounds";

const none = { openOfWorkspace: 0, openOfInviter: 0, lastDayOfInviter: 0 };

test.each<[string, object, InvitationBound | null]>([
  ["the first one has room", {}, null],
  [
    "one below each bound has room",
    {
      openOfWorkspace: MAX_OPEN_OF_WORKSPACE - 1,
      openOfInviter: MAX_OPEN_OF_INVITER - 1,
      lastDayOfInviter: MAX_A_DAY_OF_INVITER - 1,
    },
    null,
  ],
  [
    "a workspace with as many as may be open",
    { openOfWorkspace: MAX_OPEN_OF_WORKSPACE },
    "open-of-workspace",
  ],
  [
    "an inviter with as many, in whichever workspaces",
    { openOfInviter: MAX_OPEN_OF_INVITER },
    "open-of-inviter",
  ],
  [
    "as many as may be sent in a day, though none is open",
    { lastDayOfInviter: MAX_A_DAY_OF_INVITER },
    "day-of-inviter",
  ],
])("%s", (_name, counts, expected) => {
  expect(invitationBound({ ...none, ...counts })).toBe(expected);
});
