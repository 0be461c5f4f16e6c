using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What the live page is told: everything that has changed since the last frame. Times are milliseconds of Unix time. The first frame of a connection
/// is <c>Full</c>: everything there is; what the page had is dropped.
/// </summary>
internal sealed record LiveFrame(
    bool Full, double Now, LiveRouter Router, LiveEngine[] Engines, LiveRequest[] Requests, LiveLog[] Log, LiveLink[] Links);

/// <summary>The router itself.</summary>
internal sealed record LiveRouter(string Model, int MaxPositions, int Waiting, int Running, int Limit, long Failovers, bool Ready, string Reason);

/// <summary>An engine. What its status says is missing until the first one has come.</summary>
internal sealed record LiveEngine(
    string Name, EngineRole Role, string State, string Problem, string Incarnation, int ProcessId, int TensorParallel, EngineQueue? Queue,
    EngineBlocks? Blocks, EngineQuarantine[] Quarantine, EnginePeer[] Peers, long Tokens, long Prompts);

/// <summary>A request and its time line.</summary>
internal sealed record LiveRequest(
    string Id, string Prompt, int PromptTokens, int CachedTokens, int MaxTokens, int Tokens, string State, string Reason, string Decode, string Prefill,
    string Why, double Created, double? FirstToken, double? Ended, long Bytes, LiveSpan[] Spans, double[] Layers, int Failovers)
{
    /// <summary>The way through a prefill engine, once it is over; null if there was none.</summary>
    public LiveHandover? Handover { get; init; }

    /// <summary>When the router had the first token; <see cref="FirstToken"/> is when the engine gave it out.</summary>
    public double? FirstTokenSeen { get; init; }

    /// <summary>Whether the prefill engine gave it out, before the decode engine had the cache.</summary>
    public bool FirstTokenAhead { get; init; }
}

/// <summary>The moments of a hand-over, for whoever wants to know where the time went.</summary>
/// <param name="Taken">The decode engine had the request.</param>
/// <param name="Chosen">It had chosen the prefill engine.</param>
/// <param name="Asked">The prefill engine had been asked, by its own clock.</param>
/// <param name="Arrived">Everything had come.</param>
/// <param name="QueuedMs">How long the prefill engine let it wait.</param>
/// <param name="PrefillMs">How long it computed.</param>
/// <param name="TransferMs">From the first byte's post to the last one's success.</param>
/// <param name="ExposedMs">Of it, what came after the computing.</param>
/// <param name="MovingMs">Of it, how long any bytes were on their way.</param>
internal sealed record LiveHandover(
    double Taken, double Chosen, double Asked, double Arrived, double QueuedMs, double PrefillMs, double TransferMs, double ExposedMs,
    double MovingMs);

/// <summary>
/// A part of a time line: queued, prefillQueued, prefill, transfer or decode. It has no <c>End</c> while it lasts, and is <c>Failed</c> if its engine
/// failed in it.
/// </summary>
internal sealed record LiveSpan(string Kind, string Engine, double Start, double? End, bool Failed);

/// <summary>A line of the log.</summary>
internal sealed record LiveLog(long Id, double At, LogKind Kind, string Text);

/// <summary>How fast one engine gave another one KV cache: bytes per second at some points in time.</summary>
internal sealed record LiveLink(string From, string To, double[] At, double[] Rate, long Bytes);

/// <summary>What a line of the log is about.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LogKind>))]
internal enum LogKind
{
    [JsonStringEnumMemberName("engine")]
    Engine,

    [JsonStringEnumMemberName("failure")]
    Failure,

    [JsonStringEnumMemberName("failover")]
    Failover,

    [JsonStringEnumMemberName("refused")]
    Refused,
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LiveFrame))]
internal sealed partial class LiveJson : JsonSerializerContext;
