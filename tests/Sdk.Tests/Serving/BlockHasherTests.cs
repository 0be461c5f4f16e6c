using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Tests.Serving;

public sealed class BlockHasherTests
{
    private static readonly ModelIdentity Model = new("tiny", "r1");

    [Fact]
    public void Equal_hashes_mean_equal_tokens_behind_equal_tokens()
    {
        var hasher = new BlockHasher(Model, 2);
        var (a, b) = (Chain(hasher, 1, 2, 3, 4, 5, 6), Chain(hasher, 1, 2, 9, 4, 5, 6));
        Assert.Equal(a, Chain(hasher, 1, 2, 3, 4, 5, 6));
        Assert.Equal(a[0], b[0]);
        Assert.NotEqual(a[1], b[1]);
        Assert.NotEqual(a[2], b[2]); // the same tokens behind others are another content
    }

    [Fact]
    public void Tokens_of_a_block_that_is_not_full_have_no_hash()
    {
        var hasher = new BlockHasher(Model, 4);
        Assert.Single(Chain(hasher, 1, 2, 3, 4, 5, 6, 7));
        Assert.Empty(Chain(hasher, 1, 2, 3));
        Assert.Throws<ArgumentException>(() => hasher.Next(null, [1, 2, 3]));
    }

    [Fact]
    public void Growing_block_by_block_gives_the_same_chain()
    {
        var hasher = new BlockHasher(Model, 2);
        var whole = Chain(hasher, 1, 2, 3, 4);
        var first = hasher.Next(null, [1, 2]);
        Assert.Equal(whole[1], hasher.Next(first, [3, 4]));
        Assert.Equal(whole[0], first);
    }

    [Fact]
    public void Models_salts_and_block_sizes_never_share()
    {
        var all = new[]
        {
            new BlockHasher(Model, 2), new BlockHasher(Model, 2, "tenant"), new BlockHasher(new("tiny", "r2"), 2), new BlockHasher(new("tin", "yr1"), 2),
            new BlockHasher(new("tiny", "r1", "yarn"), 2), new BlockHasher(new("tiny", "r1", "non"), 2, "e"),
        }.Select(hasher => hasher.Next(null, [1, 2])).ToHashSet();
        Assert.Equal(6, all.Count);
        Assert.NotEqual(new BlockHasher(Model, 1).Next(null, [1]), new BlockHasher(Model, 2).Next(null, [1, 2]));
    }

    [Fact]
    public void A_salt_that_is_no_text_is_refused_since_another_one_would_hash_alike() =>
        Assert.ThrowsAny<ArgumentException>(() => new BlockHasher(Model, 2, "tenant \ud800"));

    [Fact]
    public void The_value_is_the_same_on_every_machine_and_in_every_version() =>
        Assert.Equal("da26e6e35ec1ac3d92068f7844f0402b", new BlockHasher(Model, 4).Next(null, [1, 2, 3, -4]).ToString());

    [Fact]
    public void Large_blocks_are_hashed_too()
    {
        var tokens = Enumerable.Range(0, 2000).ToArray();
        var hasher = new BlockHasher(Model, 1000);
        Assert.Equal(2, Chain(hasher, tokens).Distinct().Count());
    }

    private static BlockHash[] Chain(BlockHasher hasher, params int[] tokens)
    {
        var hashes = new BlockHash[tokens.Length / hasher.BlockTokens];
        Assert.Equal(hashes.Length, hasher.Chain(tokens, hashes));
        return hashes;
    }
}
