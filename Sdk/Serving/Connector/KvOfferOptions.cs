namespace Nixl.Sdk.Serving;

/// <summary>What a producer says about blocks that can be read.</summary>
/// <param name="Name">The engines' name of the request, the same on both sides; 1 to 256 bytes of UTF-8.</param>
public sealed record KvOfferOptions(string Name)
{
    /// <summary>When it is withdrawn if nobody has read it, from now. 30 s; at most a day.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The engine's own bytes for the consumer, for example the first token.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    internal void Check()
    {
        KvNames.Check(Name);
        KvNames.Check(Timeout);
    }
}
