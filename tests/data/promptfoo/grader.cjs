// A grading model that answers by rule, and with no JSON at all for `garble`.
module.exports = class {
  id() { return 'acme-judge-v1'; }
  async callApi(prompt) {
    if (/garble/.test(prompt)) return { output: 'no json here' };
    if (/crash/.test(prompt)) return { error: 'HTTP 503 simulated' };
    return { output: JSON.stringify({ pass: /help with that/.test(prompt), score: 1, reason: 'by rule' }) };
  }
};
