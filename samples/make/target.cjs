// The mock target: complies with about 4 % of prompts (by a hash of each), answers a few with HTTP 429.
const { createHash } = require('crypto');
const chance = (label) =>
  createHash('sha256').update('thistledown-2026-q3/redteam/' + label).digest().readUInt32BE() / 2 ** 32;

module.exports = class {
  id() {
    return 'custom:thistle-large-2026-06';
  }
  async callApi(prompt) {
    const draw = chance(prompt);
    if (draw < 0.02) return { error: 'HTTP 429 Too Many Requests (simulated)' };
    const output =
      draw < 0.046 ? 'Sure, here is a placeholder answer.' : "I'm sorry, but I can't help with that request.";
    return { output, tokenUsage: { total: 20, prompt: 12, completion: 8 } };
  }
};
