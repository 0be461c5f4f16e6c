using Nixl.Sdk.Samples.Disaggregated;
using Nixl.Sdk.Serve;

namespace Nixl.Sdk.Bench.Serving;

/// <summary>Where the time to the first token went for one request whose prompt a prefill engine computed. Milliseconds; the parts add up to the whole.</summary>
/// <remarks>
/// <code>
/// client ─Client─→ router ─Router─→ decode ─Choice─ ─Request─→ prefill ─Queue─ ─Compute─ ─Copy─ ─End─→ decode ─FirstToken─ ─Back─→ router ─Out─→ client
/// client ─Client─→ router ─Router─→ prefill ─Queue─ ─Compute─ ─FirstToken─ ─Back─→ router ─Out─→ client                       if the prompt was sent ahead
/// </code>
/// All clocks are one machine's.
/// </remarks>
internal sealed record HandoverParts
{
    /// <summary>From the client's send until the router has read the request.</summary>
    public required double Client { get; init; }

    /// <summary>Until the decode engine has the request, or the prefill engine to which it was sent ahead.</summary>
    public required double Router { get; init; }

    /// <summary>Until the decode engine has chosen where the prompt is computed.</summary>
    public required double Choice { get; init; }

    /// <summary>Blocks are reserved and granted, and the request has reached the prefill engine.</summary>
    public required double Request { get; init; }

    /// <summary>It waits there for its first step.</summary>
    public required double Queue { get; init; }

    /// <summary>From the first step to the end of the last one.</summary>
    public required double Compute { get; init; }

    /// <summary>The transfer after that; what came before was hidden behind computing.</summary>
    public required double Copy { get; init; }

    /// <summary>The prefill engine's word that all is written has reached the decode engine, and the arrival is checked.</summary>
    public required double End { get; init; }

    /// <summary>Until the engine has given the first token out.</summary>
    public required double FirstToken { get; init; }

    /// <summary>Until the router has it.</summary>
    public required double Back { get; init; }

    /// <summary>Until the client has it.</summary>
    public required double Out { get; init; }

    /// <summary>The transfer that came after the computing, whether the first token waited for it or not.</summary>
    public required double Exposed { get; init; }

    /// <summary>From the first token to the second: what of the cache's way the first one did not wait for, and a step of the decode engine.</summary>
    public required double Next { get; init; }

    /// <summary>How long any bytes were on their way, the hidden part too.</summary>
    public required double Moving { get; init; }

    public double Whole => Client + Router + Choice + Request + Queue + Compute + Copy + End + FirstToken + Back + Out;

    /// <summary>Everything that is neither computing nor copying.</summary>
    public double Overhead => Whole - Compute - Copy;

    /// <returns>Null if no prefill engine computed the prompt, or something failed on the way.</returns>
    internal static HandoverParts? Of(Answer answer, LiveRequest? request)
    {
        if (request is not { Handover: { } over, Failovers: 0, FirstToken: { } first, FirstTokenSeen: { } seen } || answer.Outcome != Outcome.Done) return null;
        var computed = over.Asked + over.QueuedMs + over.PrefillMs;
        var parts = new HandoverParts
        {
            Client = request.Created - answer.Started, Router = over.Taken - request.Created, Choice = over.Chosen - over.Taken, Request = over.Asked - over.Chosen, Queue = over.QueuedMs,
            Compute = over.PrefillMs, Copy = over.ExposedMs, End = over.Arrived - computed - over.ExposedMs, FirstToken = first - over.Arrived,
            Next = answer.TokenTimes.Count > 1 ? answer.TokenTimes[1] - answer.TokenTimes[0] : 0, Back = seen - first, Out = answer.TokenTimes[0] - seen, Exposed = over.ExposedMs, Moving = over.MovingMs,
        };
        // What was sent ahead did not wait for the decode engine, and its first token mostly not for the cache's way there.
        if (request.FirstTokenAhead || over.Asked < over.Chosen) parts = parts with { Router = over.Asked - request.Created, Choice = 0, Request = 0 };
        return request.FirstTokenAhead ? parts with { Copy = 0, End = 0, FirstToken = first - computed } : parts;
    }

    /// <summary>The mean of each part over the middle fifth of the requests by their whole: a median request whose parts still add up.</summary>
    internal static HandoverParts Middle(IReadOnlyCollection<HandoverParts> all)
    {
        var sorted = all.OrderBy(parts => parts.Whole).ToArray();
        var fifth = sorted[(sorted.Length * 2 / 5)..Math.Max((sorted.Length * 2 / 5) + 1, sorted.Length * 3 / 5)];
        return new HandoverParts
        {
            Client = Mean(parts => parts.Client), Router = Mean(parts => parts.Router), Choice = Mean(parts => parts.Choice), Request = Mean(parts => parts.Request), Queue = Mean(parts => parts.Queue),
            Compute = Mean(parts => parts.Compute), Copy = Mean(parts => parts.Copy), End = Mean(parts => parts.End),
            FirstToken = Mean(parts => parts.FirstToken), Back = Mean(parts => parts.Back), Out = Mean(parts => parts.Out), Exposed = Mean(parts => parts.Exposed), Next = Mean(parts => parts.Next), Moving = Mean(parts => parts.Moving),
        };

        double Mean(Func<HandoverParts, double> part) => fifth.Average(part);
    }
}
