namespace Nixl.Sdk.Serving;

/// <summary>What a consumer wants of a prompt's cache.</summary>
/// <param name="Name">The engines' name of the request, the same on both sides; 1 to 256 bytes of UTF-8.</param>
/// <param name="Groups">The blocks of each group, in the layout's order.</param>
public sealed record KvRequest(string Name, params IReadOnlyList<KvRequestBlocks> Groups)
{
    /// <summary>When it is given up, from now: waiting for blocks included. 30 s; at most a day.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What may be done if not everything comes.</summary>
    public ArrivalPolicy Policy { get; init; }

    /// <summary>
    /// Pull: reads a layer of all blocks after the other instead of all at once, so that decoding can begin before everything has come
    /// (<see cref="KvReceive.WaitForLayerAsync"/>). Where layers lie together in memory they come together. A push is written as its producer does.
    /// </summary>
    public bool LayerByLayer { get; init; }

    /// <summary>The engine's own bytes for the producer, for example the prompt's tokens. What it and the block ids take is at
    /// most 4 MiB; beyond 64 KiB it goes in parts.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    internal void Check(int groups)
    {
        KvNames.Check(Name);
        KvNames.Check(Timeout);
        if (Groups.Count != groups)
            throw new ArgumentException($"Request '{Name}' names blocks of {Groups.Count} groups; the layout has {groups}.");
        foreach (var group in Groups)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(group.Blocks, 1);
            ArgumentOutOfRangeException.ThrowIfLessThan(group.PromptBlocks, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(group.PromptBlocks, group.Blocks);
        }
    }
}
