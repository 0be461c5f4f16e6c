namespace Nixl.Sdk.Serving;

/// <summary>The blocks of one group that a consumer wants.</summary>
/// <param name="Blocks">Blocks to reserve, those for the answer included.</param>
/// <param name="PromptBlocks">The first so many hold the prompt and come from the producer.</param>
public sealed record KvRequestBlocks(int Blocks, int PromptBlocks)
{
    /// <summary>Hashes of the prompt's full blocks, from the first: those that are in the prefix cache need not come.</summary>
    public IReadOnlyList<BlockHash> Prefix { get; init; } = [];

    /// <summary>Blocks of the prompt only.</summary>
    /// <param name="promptBlocks">Their number.</param>
    public KvRequestBlocks(int promptBlocks)
        : this(promptBlocks, promptBlocks)
    {
    }
}
