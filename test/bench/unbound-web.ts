/** Limits of a gateway that stop no bench: a few clients ask more than any customer does. */
const UNLIMITED = { burst: 1e9, perSecond: 1e9 };

export const UNBOUND_WEB = {
  perAddress: UNLIMITED,
  perOrigin: UNLIMITED,
  openPerAddress: 10_000,
  openPerOrigin: 10_000,
  socketsPerOrigin: 10_000,
  connections: 20_000,
};
