using System.Globalization;

namespace Nixl.Sdk.Serve;

/// <summary>
/// Holds the router's counters against what clients saw. Where a client did not see the end (its connection broke, or it went away), the router may
/// have counted anything, or nothing; everything else has to be counted as it was seen. A router that was killed has taken its counters with it:
/// what was asked since then counts.
/// </summary>
internal static class CounterCheck
{
    /// <summary>Requests that the router has, by phase.</summary>
    internal const string InFlight = "nixl_router_requests";

    private const string Requests = "nixl_router_requests_total", Refusals = "nixl_router_refusals_total";

    /// <param name="figures">Of the router's last life.</param>
    /// <param name="all">Of all its lives.</param>
    /// <param name="since">When the life before had ended, in milliseconds of Unix time; 0: there was none.</param>
    internal static IReadOnlyList<string> Check(RouterFigures figures, IReadOnlyCollection<Answer> all, double since)
    {
        List<string> problems = [];
        Answer[] answers = [.. all.Where(answer => answer.Started >= since)];
        // Who had asked the old one may, at the most, have been served by the new one.
        var straddling = all.Count(answer => answer.Started < since && answer.Ended >= since);
        var unseen = straddling + answers.Count(answer => answer.Outcome is Outcome.Broken or Outcome.Aborted or Outcome.Hung);
        Expect("complete answers", figures.Value(Requests, "outcome", "stop") + figures.Value(Requests, "outcome", "length"), Count(Outcome.Done, null));
        foreach (var code in (string[])["full", "no_engine"])
            Expect($"refusals ({code})", figures.Value(Refusals, "reason", code), Count(Outcome.Refused, code));
        foreach (var code in (string[])["timeout", "engine_failed"])
            Expect($"failures ({code})", figures.Value(Requests, "outcome", code), Count(Outcome.Failed, code));
        AtMost("aborted requests", figures.Value(Requests, "outcome", "aborted"), unseen);
        AtMost("requests in all", figures.Sum(Requests), answers.Length + straddling);
        foreach (var phase in (string[])["waiting", "running"])
            AtMost($"requests {phase} after the end", figures.Value(InFlight, "phase", phase), 0);
        var tokens = answers.Sum(answer => answer.Tokens.Count);
        if (figures.Sum("nixl_router_generated_tokens_total") is var generated && generated < tokens)
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"the router has counted {generated} tokens, and clients got {tokens}"));
        return problems;

        int Count(Outcome outcome, string? code) => answers.Count(answer => answer.Outcome == outcome && (code is null || answer.Code == code));

        void Expect(string what, double counted, int seen)
        {
            if (counted < seen || counted > seen + unseen)
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"the router has counted {counted} {what}; clients saw {seen}, and did not see the end of {unseen} requests"));
        }

        void AtMost(string what, double counted, int limit)
        {
            if (counted > limit) problems.Add(string.Create(CultureInfo.InvariantCulture, $"the router has counted {counted} {what}; {limit} are possible"));
        }
    }
}
