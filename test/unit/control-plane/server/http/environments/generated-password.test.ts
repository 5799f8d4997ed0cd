/** The hash beside the test vectors of Ulrich Drepper's specification (akkadia.org/drepper/SHA-crypt.txt), version 0.6. */
import { expect, test } from "vitest";
import {
  cryptHash,
  generatePassword,
} from "@remotegpu/control-plane/server/http/environments/generated-password";

test.each([
  [
    "saltstring",
    "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  [
    "rounds=10000$saltstringsaltstring",
    "Hello world!",
    "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
  ],
  [
    "rounds=5000$toolongsaltstring",
    "This is just a test",
    "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
  ],
  [
    "rounds=1400$anotherlongsaltstring",
    "a very much longer text to encrypt.  This one even stretches over morethan one line.",
    "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
  ],
  [
    "rounds=77777$short",
    "we have a short salt string but not a short password",
    "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
  ],
  [
    "rounds=123456$asaltof16chars..",
    "a short string",
    "$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1",
  ],
  [
    "rounds=10$roundstoolow",
    "the minimum number is still observed",
    "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.",
  ],
])("with %s the hash is the published one", (setting, password, hash) => {
  expect(cryptHash(password, setting)).toBe(hash);
});

test("a password has 150 bits in letters that are distinguishable, and no two are alike", () => {
  const made = Array.from({ length: 20 }, generatePassword);

  for (const { password } of made) expect(password).toMatch(/^[a-km-np-z2-9]{5}(-[a-km-np-z2-9]{5}){5}$/);
  expect(new Set(made.map(({ password }) => password)).size).toBe(20);
});

test("its hash is of it, with a salt of its own, and reveals nothing of it", () => {
  const { password, hash } = generatePassword();
  const [, kind, rounds, salt = ""] = hash.split("$");

  expect([kind, rounds]).toEqual(["6", "rounds=1000"]);
  expect(salt).toMatch(/^[./0-9A-Za-z]{16}$/);
  expect(cryptHash(password, `${rounds}$${salt}`)).toBe(hash);
  expect(cryptHash(password.replace("-", ""), `${rounds}$${salt}`)).not.toBe(hash);
  expect(generatePassword().hash.split("$")[3]).not.toBe(salt);
});
