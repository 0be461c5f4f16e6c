using System.Net;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>How a router works.</summary>
internal sealed record RouterOptions
{
    /// <summary>Where it listens.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Names by which clients reach it, besides addresses, localhost and the machine's name.</summary>
    public string[] Hosts { get; init; } = [];

    /// <summary>What it serves.</summary>
    public required ServedModel Model { get; init; }

    /// <summary>The most answers that are on their way at once; one more is refused with 429.</summary>
    public int Queue { get; init; } = 256;

    /// <summary>When a request fails if it has not ended; the most that a client may ask for.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How often an engine is asked for its status.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long an engine may be silent before it counts as dead.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>How long after it has come a request waits for an engine that is suspect, if there is no other.</summary>
    public TimeSpan SuspectPatience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Whether a prompt is sent to the prefill engine at the same time as the request to the decode engine that will ask for it.</summary>
    public bool SendsAhead { get; init; } = true;

    public bool Verbose { get; init; }
}
