using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What a driver and an engine say to each other, one JSON object a line. The cache itself never goes this way: it goes from engine
/// to engine through the SDK.
/// <code>
/// engine → driver    ready      it is warm
/// driver → engine    peers      the engines that it is to know
/// engine → driver    connected  to all of them
/// driver → decode    generate   a request
/// decode → driver    event …    what happens to it, token by token
/// </code>
/// Around it: statistics, stop, failed.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "message")]
[JsonDerivedType(typeof(ReadyMessage), "ready")]
[JsonDerivedType(typeof(PeersMessage), "peers")]
[JsonDerivedType(typeof(ConnectedMessage), "connected")]
[JsonDerivedType(typeof(GenerateMessage), "generate")]
[JsonDerivedType(typeof(EventMessage), "event")]
[JsonDerivedType(typeof(FailedMessage), "failed")]
[JsonDerivedType(typeof(AskStatisticsMessage), "askStatistics")]
[JsonDerivedType(typeof(StatisticsMessage), "statistics")]
[JsonDerivedType(typeof(StopMessage), "stop")]
internal abstract record EngineMessage;

/// <summary>An engine runs; the metadata of its agents can be fetched.</summary>
internal sealed record ReadyMessage(EngineAnnouncement Engine, int ProcessId, string Fingerprint, long Blocks) : EngineMessage;

/// <summary>The engines to know.</summary>
internal sealed record PeersMessage(EngineAnnouncement[] Engines) : EngineMessage;

/// <summary>Connected to all of them, over this.</summary>
internal sealed record ConnectedMessage(string Transport, string Version, string Provider, string Reason) : EngineMessage;

/// <summary>A request for a decode engine.</summary>
internal sealed record GenerateMessage(GenerateRequest Request) : EngineMessage;

/// <summary>Something has happened to a request.</summary>
internal sealed record EventMessage(string Request, EngineEvent Event) : EngineMessage;

/// <summary>A request was refused, or (without one) the engine failed.</summary>
internal sealed record FailedMessage(string? Request, string Error) : EngineMessage;

/// <summary>Asks for <see cref="StatisticsMessage"/>.</summary>
internal sealed record AskStatisticsMessage : EngineMessage;

/// <summary>What the engine and its transport have counted since the start; the tokens of the warm-up are left out.</summary>
internal sealed record StatisticsMessage(
    long TokensComputed, long PromptTokensComputed, long FreeBlocks, long WrittenBytes, long Transfers, long Failures) : EngineMessage;

/// <summary>End cleanly.</summary>
internal sealed record StopMessage : EngineMessage;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EngineMessage))]
internal sealed partial class EngineMessageJson : JsonSerializerContext;
