/** What of a node and a site nobody has decided yet. */
export const UNDECIDED_NODE = {
  runLevelDecision: null,
  drain: null,
  quarantine: null,
  reboot: null,
  interfaces: [],
  addresses: [],
  certificateExpiresAt: null,
};

export const UNSET_SITE = { url: '', place: null, maxSlices: 100, closed: null };
