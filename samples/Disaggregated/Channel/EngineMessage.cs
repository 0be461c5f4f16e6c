using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What a driver and an engine say to each other, one JSON object a line. The cache itself never goes this way: it goes from engine
/// to engine through the SDK.
/// <code>
/// driver → decode    submit     a request: reserve blocks for it
/// decode → driver    reserved   the blocks, to be passed on with the request
/// driver → prefill   prefill    compute the prompt and write its blocks to those of the decode engine
/// prefill → driver   handedOver what the transfer carried, and how fast
/// decode → driver    token …    one by one, the first one as soon as the blocks have arrived
/// decode → driver    finished
/// </code>
/// Around it: ready (engine → driver, once), connect/connected (prefill), statistics, stop, failed.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(ReadyMessage), "ready")]
[JsonDerivedType(typeof(ConnectMessage), "connect")]
[JsonDerivedType(typeof(ConnectedMessage), "connected")]
[JsonDerivedType(typeof(SubmitMessage), "submit")]
[JsonDerivedType(typeof(ReservedMessage), "reserved")]
[JsonDerivedType(typeof(PrefillMessage), "prefill")]
[JsonDerivedType(typeof(HandedOverMessage), "handedOver")]
[JsonDerivedType(typeof(TokenMessage), "token")]
[JsonDerivedType(typeof(FinishedMessage), "finished")]
[JsonDerivedType(typeof(FailedMessage), "failed")]
[JsonDerivedType(typeof(AskStatisticsMessage), "askStatistics")]
[JsonDerivedType(typeof(StatisticsMessage), "statistics")]
[JsonDerivedType(typeof(StopMessage), "stop")]
internal abstract record EngineMessage;

/// <summary>An engine runs; its metadata can be fetched at this address.</summary>
internal sealed record ReadyMessage(string Agent, int ProcessId, string Host, int Port, string Fingerprint, long Blocks) : EngineMessage;

/// <summary>Fetch a peer's metadata, connect, compare layouts, prepare the lists.</summary>
internal sealed record ConnectMessage(string Peer, string Host, int Port) : EngineMessage;

/// <summary>Connected; lists are prepared.</summary>
internal sealed record ConnectedMessage(string Peer, string Transport, string Version, string Provider, string Reason) : EngineMessage;

/// <summary>A request for the decode engine.</summary>
internal sealed record SubmitMessage(string Request, string Prompt, int MaxNewTokens) : EngineMessage;

/// <summary>The decode engine's blocks for a request's prompt, in the order of its positions.</summary>
internal sealed record ReservedMessage(string Request, int PromptTokens, int[] Blocks) : EngineMessage;

/// <summary>A request for the prefill engine, with where its blocks have to go.</summary>
internal sealed record PrefillMessage(string Request, string Prompt, string Peer, int[] Blocks) : EngineMessage;

/// <summary>The blocks have arrived and the decode engine has been told.</summary>
internal sealed record HandedOverMessage(
    string Request, int[] LocalBlocks, long Bytes, long Operations, double QueuedMs, double DataMs, double TotalMs, string Transport,
    double ComputeMs) : EngineMessage;

/// <summary>One token of the answer.</summary>
internal sealed record TokenMessage(string Request, int Token, string Text) : EngineMessage;

/// <summary>The whole answer.</summary>
internal sealed record FinishedMessage(string Request, int[] Tokens, string Text, string Reason) : EngineMessage;

/// <summary>A request failed, or (without one) the engine did.</summary>
internal sealed record FailedMessage(string? Request, string Error) : EngineMessage;

/// <summary>Asks for <see cref="StatisticsMessage"/>.</summary>
internal sealed record AskStatisticsMessage : EngineMessage;

/// <summary>What the engine and its transport have counted since the start.</summary>
internal sealed record StatisticsMessage(
    long TokensComputed, long PromptTokensComputed, long FreeBlocks, long WrittenBytes, long Transfers, long Failures,
    long NotificationsSent, long NotificationsReceived) : EngineMessage;

/// <summary>End cleanly.</summary>
internal sealed record StopMessage : EngineMessage;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EngineMessage))]
internal sealed partial class EngineMessageJson : JsonSerializerContext;
