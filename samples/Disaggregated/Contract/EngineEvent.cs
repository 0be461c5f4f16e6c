using System.Text.Json.Serialization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Something that happened to a request; one JSON object a line.</summary>
/// <param name="At">When, in milliseconds of Unix time.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(QueuedEvent), "queued")]
[JsonDerivedType(typeof(ReservedEvent), "reserved")]
[JsonDerivedType(typeof(PrefillEvent), "prefill")]
[JsonDerivedType(typeof(FailoverEvent), "failover")]
[JsonDerivedType(typeof(LayerEvent), "layer")]
[JsonDerivedType(typeof(ArrivedEvent), "arrived")]
[JsonDerivedType(typeof(FirstTokenEvent), "first")]
[JsonDerivedType(typeof(TokenEvent), "token")]
[JsonDerivedType(typeof(FinishedEvent), "finished")]
[JsonDerivedType(typeof(FailedEvent), "failed")]
internal abstract record EngineEvent(double At);

/// <summary>The engine has taken it.</summary>
/// <param name="At"><inheritdoc cref="EngineEvent" path="/param[@name='At']"/></param>
/// <param name="Ahead">Requests that wait before it.</param>
internal sealed record QueuedEvent(double At, int Ahead) : EngineEvent(At);

/// <summary>It has its blocks.</summary>
/// <param name="At"><inheritdoc cref="EngineEvent" path="/param[@name='At']"/></param>
/// <param name="Blocks">All of them.</param>
/// <param name="CachedTokens">Tokens of the prompt whose keys and values are there already.</param>
internal sealed record ReservedEvent(double At, int Blocks, int CachedTokens) : EngineEvent(At);

/// <summary>Where the rest of the prompt is computed.</summary>
/// <param name="At"><inheritdoc cref="EngineEvent" path="/param[@name='At']"/></param>
/// <param name="Engine">A prefill engine, or the engine itself.</param>
/// <param name="Why">In words, for a person: what spoke for it.</param>
internal sealed record PrefillEvent(double At, string Engine, string Why) : EngineEvent(At);

/// <summary>A prefill engine failed; another one is asked, or the engine computes the prompt itself.</summary>
internal sealed record FailoverEvent(double At, string From, string To, string Reason) : EngineEvent(At);

/// <summary>A layer of all blocks has come.</summary>
internal sealed record LayerEvent(double At, int Layer) : EngineEvent(At);

/// <summary>Everything has come from the prefill engine.</summary>
/// <param name="At"><inheritdoc cref="EngineEvent" path="/param[@name='At']"/></param>
/// <param name="Bytes">What was moved, over all ranks.</param>
/// <param name="PrefillQueuedMs">How long the prefill engine let it wait.</param>
/// <param name="PrefillMs">From its first step to the last.</param>
/// <param name="TransferMs">From the first byte's post to the last one's success.</param>
/// <param name="ExposedTransferMs">Of it, what came after the last step's end: the rest was hidden behind computing.</param>
internal sealed record ArrivedEvent(double At, long Bytes, double PrefillQueuedMs, double PrefillMs, double TransferMs, double ExposedTransferMs) : EngineEvent(At)
{
    /// <summary>When the prefill engine had been asked, by its own clock: on one machine, what came before it was the request's way.</summary>
    public double? PrefillAskedAt { get; init; }

    /// <summary>How long any bytes were on their way: the transfer without the time in which it waited for the next layer.</summary>
    public double MovingMs { get; init; }
}

/// <summary>The prefill engine has computed the prompt: the token that follows it. The decode engine tells the same one when it has the cache.</summary>
internal sealed record FirstTokenEvent(double At, int Token) : EngineEvent(At);

/// <summary>A token of the answer.</summary>
/// <param name="At"><inheritdoc cref="EngineEvent" path="/param[@name='At']"/></param>
/// <param name="Token">The token.</param>
/// <param name="Text">The text that it completes; often empty in the middle of a character.</param>
internal sealed record TokenEvent(double At, int Token, string Text) : EngineEvent(At);

/// <summary>The answer is complete.</summary>
/// <param name="At"><inheritdoc cref="EngineEvent" path="/param[@name='At']"/></param>
/// <param name="Reason">stop or length.</param>
/// <param name="Text">What was left of the text.</param>
internal sealed record FinishedEvent(double At, string Reason, string Text) : EngineEvent(At);

/// <summary>There is no answer, or no more of it.</summary>
/// <param name="At"><inheritdoc cref="EngineEvent" path="/param[@name='At']"/></param>
/// <param name="Code">timeout, aborted, notNumbers, stopping, failed.</param>
/// <param name="Error">In words.</param>
/// <param name="CanRetry">Whether another engine may succeed.</param>
internal sealed record FailedEvent(double At, string Code, string Error, bool CanRetry) : EngineEvent(At);
