namespace Nixl.Sdk.Samples.Model;

/// <summary>Which part of a model one rank of tensor parallelism computes.</summary>
/// <param name="Rank">0 to <paramref name="Ranks"/> - 1.</param>
/// <param name="Ranks">The degree of parallelism.</param>
/// <param name="Shard">The rank's share of heads and of the inner width (<see cref="LlamaConfig.Shard"/>).</param>
internal readonly record struct RankSpec(int Rank, int Ranks, LlamaConfig Shard)
{
    /// <summary>This rank's part of <paramref name="count"/> rows that are dealt out without regard to heads; the parts differ by one at most.</summary>
    internal (int First, int Count) Part(int count) => WeightTensor.Part(count, Rank, Ranks);
}
