using Nixl.Sdk.Metadata;
using Nixl.Sdk.Tests.Support;

namespace Nixl.Sdk.Tests.Pools;

/// <summary>Other content is refused naming every field on both sides; other placement is planned.</summary>
public sealed class PoolHandshakeTests
{
    private static readonly ModelIdentity Model = new("tiny-llama", "sha256:base");

    [Fact]
    public async Task Two_fine_tunes_of_one_model_are_refused_by_name()
    {
        var error = await RefusedAsync<SplitKv, SplitKv, LayoutMismatchException>(
            Model with { Revision = "sha256:tuned-on-law" }, Model with { Revision = "sha256:tuned-on-verse" });
        Assert.Contains("model.revision: sha256:tuned-on-law here, sha256:tuned-on-verse there", error.Message, StringComparison.Ordinal);
        var difference = Assert.Single(error.Differences);
        Assert.Equal(("model.revision", "sha256:tuned-on-law", "sha256:tuned-on-verse"), (difference.Field, difference.Local, difference.Remote));
        Assert.Equal(NixlStatus.Mismatch, error.Status);
        Assert.StartsWith("b-", error.Peer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_model_and_another_rope_scaling_are_refused()
    {
        var error = await RefusedAsync<SplitKv, SplitKv, LayoutMismatchException>(Model, new ModelIdentity("other", Model.Revision, "yarn-4"));
        Assert.Equal(["model.name", "model.rope-scaling"], error.Differences.Select(difference => difference.Field));
    }

    [Fact]
    public async Task Another_element_type_is_refused_naming_it_on_both_sides()
    {
        var error = await RefusedAsync<SplitKv, HalfTypeKv, LayoutMismatchException>(Model, Model);
        Assert.Equal(2, error.Differences.Count);
        Assert.Contains("Key", error.Differences[0].Field, StringComparison.Ordinal);
        Assert.NotEqual(error.Differences[0].Local, error.Differences[0].Remote);
        Assert.Contains(error.Differences[0].ToString(), error.Message, StringComparison.Ordinal);
        var lines = error.Message.Split('\n');
        Assert.Contains(lines, line => line.StartsWith("!!     component Key: bf16 8, per head and token ", StringComparison.Ordinal) && line.EndsWith(" |     component Key: f16 8, per head and token", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("       kv-heads: 4 ", StringComparison.Ordinal) && line.EndsWith(" |     kv-heads: 4", StringComparison.Ordinal));
        Assert.NotEqual(error.LocalText, error.RemoteText);
    }

    [Fact]
    public async Task Another_shape_is_refused() =>
        Assert.Equal(2, (await RefusedAsync<SplitKv, WiderKv, LayoutMismatchException>(Model, Model)).Differences.Count);

    [Fact]
    public async Task Another_head_count_is_refused() =>
        Assert.Contains("heads", (await RefusedAsync<SplitKv, MoreHeadsKv, LayoutMismatchException>(Model, Model)).Differences[0].Field, StringComparison.Ordinal);

    [Fact]
    public async Task All_differences_are_named_at_once()
    {
        var error = await RefusedAsync<SplitKv, TwoGroups, LayoutMismatchException>(Model, Model with { Revision = "x" });
        Assert.Contains(error.Differences, difference => difference.Field == "model.revision");
        Assert.Contains(error.Differences, difference => difference.Field.StartsWith("kv.", StringComparison.Ordinal));
        Assert.Contains(error.Differences, difference => difference.Field.StartsWith("mla.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Both_texts_stand_side_by_side_with_what_only_one_of_them_has()
    {
        var error = await RefusedAsync<SplitKv, TwoGroups, LayoutMismatchException>(Model, Model with { Revision = "x" });
        var lines = error.Message.Split('\n');
        Assert.Contains(lines, line => line.StartsWith("!! model revision: sha256:base", StringComparison.Ordinal) && line.EndsWith("| model revision: x", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("!! group kv ", StringComparison.Ordinal) && line.EndsWith("| (none)", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("!! (none) ", StringComparison.Ordinal) && line.EndsWith("| group indexer", StringComparison.Ordinal));
        foreach (var line in error.LocalText.TrimEnd('\n').Split('\n').Concat(error.RemoteText.TrimEnd('\n').Split('\n')))
            Assert.Contains(line, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Placements_that_cannot_be_mapped_are_refused_with_the_component_and_the_fields()
    {
        var error = await RefusedAsync<ValuePerBlockKv, ValuePerLargerBlockKv, NotSupportedException>(Model, Model);
        Assert.Contains("component Scale: it has one value per block", error.Message, StringComparison.Ordinal);
        Assert.Contains("kv.block-tokens: 4 here, 8 there", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Equal_placements_need_no_route_and_others_have_one_each_way()
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var local = KvPool<SplitKv>.Allocate(pair.A, 4, Model, new KvPoolOptions { Name = "kv" });
        using var same = KvPool<SplitKv>.Allocate(pair.B, 4, Model, new KvPoolOptions { Name = "same" });
        using var other = KvPool<PackedKv>.Allocate(pair.B, 4, Model, new KvPoolOptions { Name = "other", Parallel = new KvParallel(2, 1) });
        await pair.ConnectAsync();
        using var equal = local.Connect(pair.ToB, "same");
        Assert.Null(equal.Route(TransferOperation.Write));
        Assert.Equal(6, equal.List().Regions);
        using var planned = local.Connect(pair.ToB, "other");
        Assert.Equal(new KvParallel(2, 1), planned.Parallel);
        Assert.Equal(local.BytesPerBlock() / 2, planned.Route(TransferOperation.Write)!.Groups[0].BytesPerTargetBlock);
        Assert.Equal(local.BytesPerBlock() / 2, planned.Route(TransferOperation.Read)!.Groups[0].BytesPerTargetBlock);
    }

    [Fact]
    public async Task A_pool_that_the_peer_does_not_have_is_named_with_those_it_has()
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var local = KvPool<SplitKv>.Allocate(pair.A, 4, Model);
        using var remote = KvPool<SplitKv>.Allocate(pair.B, 4, Model, new KvPoolOptions { Name = "cache" });
        await pair.ConnectAsync();
        var error = Assert.Throws<NixlNotFoundException>(() => local.Connect(pair.ToB));
        Assert.Contains("'SplitKv'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'cache'", error.Message, StringComparison.Ordinal);
        using var connected = local.Connect(pair.ToB, "cache");
        Assert.Equal(4, connected.Blocks);
    }

    [Fact]
    public async Task A_pool_can_be_advertised_only_once_under_a_name_and_not_after_its_end()
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var first = KvPool<SplitKv>.Allocate(pair.A, 4, Model);
        Assert.Throws<InvalidOperationException>(() => KvPool<SplitKv>.Allocate(pair.A, 4, Model));
        Assert.Throws<ArgumentException>(() => KvPool<SplitKv>.Allocate(pair.A, 4, Model, new KvPoolOptions { Name = "a/b" }));
        Assert.Single(MetadataCodec.Decode(pair.A.ExportMetadata()).Pools);
        first.Dispose();
        Assert.Empty(MetadataCodec.Decode(pair.A.ExportMetadata()).Pools);
        using var second = KvPool<SplitKv>.Allocate(pair.A, 4, Model);
    }

    [Theory]
    [InlineData("", "r", "none")]
    [InlineData("m", " ", "none")]
    [InlineData("m", "r", "")]
    public async Task A_pool_needs_a_whole_model_identity(string name, string revision, string rope)
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        Assert.Throws<ArgumentException>(() => KvPool<SplitKv>.Allocate(pair.A, 4, new ModelIdentity(name, revision, rope)));
    }

    [Theory]
    [InlineData("tiny\nllama")]
    [InlineData(null)]
    public async Task A_model_that_cannot_be_advertised_is_refused_when_the_pool_is_made(string? name)
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var model = new ModelIdentity(name ?? new string('x', 513), "r");
        Assert.Throws<ArgumentException>(() => KvPool<SplitKv>.Allocate(pair.A, 4, model));
        Assert.Empty(MetadataCodec.Decode(pair.A.ExportMetadata()).Pools);
    }

    [Fact]
    public async Task A_layout_that_no_peer_could_read_is_refused_when_the_pool_is_made()
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        var error = Assert.Throws<ArgumentException>(() => KvPool<TooManyGroups>.Allocate(pair.A, 4, Model));
        Assert.Contains("there are more than 16 groups", error.Message, StringComparison.Ordinal);
        Assert.Empty(MetadataCodec.Decode(pair.A.ExportMetadata()).Pools);
    }

    [Fact]
    public async Task An_advertisement_that_contradicts_itself_is_refused()
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var local = KvPool<SplitKv>.Allocate(pair.A, 4, Model);
        using var remote = KvPool<SplitKv>.Allocate(pair.B, 4, Model);
        var good = MetadataCodec.Decode(pair.B.ExportMetadata()).Pools[0];
        Assert.Equal(6, KvHandshake.Agree(local, "b", good).Groups[0].Regions.Length);
        Refused(Change(good, text: good.CanonicalText.Replace("order", "odder", StringComparison.Ordinal)), "cannot be read");
        Refused(Change(good, text: ""), "cannot be read");
        Refused(Change(good, hash: new byte[32]), "fingerprint");
        Refused(Change(good, change: group => new() { Name = group.Name, Blocks = 5, Tensors = group.Tensors }), "needs");
        Refused(Change(good, change: group => new() { Name = group.Name, Blocks = long.MaxValue, Tensors = group.Tensors }), "more blocks");
        Refused(Change(good, change: group => new() { Name = group.Name, Blocks = 4, Tensors = [group.Tensors[0]] }), "6 tensors");
        Refused(Change(good, change: group => new() { Name = group.Name, Blocks = 4, Tensors = [.. Enumerable.Repeat(group.Tensors[0], 6)] }), "overlap");
        Refused(Change(good, change: group => new()
        {
            Name = group.Name, Blocks = 1, PhysicalBlocksPerBlock = int.MaxValue, // each with a gap behind it
            Tensors = [.. group.Tensors.Select((tensor, i) => tensor with { Address = (ulong)(i + 1) << 48, Length = 1UL << 47, PageStride = 1UL << 12 })],
        }), "2147483647 physical blocks per block");
        Refused(Change(good, change: _ => null), "0 groups");
        Refused(Change(good, change: group => new() { Name = "kw", Blocks = 4, Tensors = group.Tensors }), "group 'kw'");
        Refused(Change(good, change: group => new() { Name = group.Name, Blocks = 4, Tensors = group.Tensors, ComponentHashes = [.. group.ComponentHashes.Reverse()] }), "hashes of the components");
        KvHandshake.Agree(local, "b", Change(good, change: group => new() { Name = group.Name, Blocks = 4, Tensors = group.Tensors })); // a release without them

        void Refused(PoolAdvertisement bad, string why) =>
            Assert.Contains(why, Assert.Throws<MetadataException>(() => KvHandshake.Agree(local, "b", bad)).Message, StringComparison.Ordinal);
    }

    private static PoolAdvertisement Change(
        PoolAdvertisement pool, string? text = null, byte[]? hash = null, Func<PoolGroupAdvertisement, PoolGroupAdvertisement?>? change = null) => new()
    {
        Name = pool.Name, Model = pool.Model, CanonicalText = text ?? pool.CanonicalText, ContentHash = hash ?? pool.ContentHash,
        PlacementHash = pool.PlacementHash, Groups = change is null ? pool.Groups : [.. pool.Groups.Select(change).OfType<PoolGroupAdvertisement>()],
    };

    private static async Task<TException> RefusedAsync<TLocal, TRemote, TException>(
        ModelIdentity localModel, ModelIdentity remoteModel, KvParallel? localParallel = null, KvParallel? remoteParallel = null)
        where TLocal : IKvLayout<TLocal>
        where TRemote : IKvLayout<TRemote>
        where TException : Exception
    {
        await using var pair = await Pair.CreateAsync(Backend.Fake);
        using var local = KvPool<TLocal>.Allocate(pair.A, 4, localModel, Options(localParallel));
        using var remote = KvPool<TRemote>.Allocate(pair.B, 4, remoteModel, Options(remoteParallel));
        await pair.ConnectAsync();
        return Assert.Throws<TException>(() => local.Connect(pair.ToB));

        static KvPoolOptions Options(KvParallel? parallel) => new() { Name = "kv", Parallel = parallel ?? KvParallel.Single };
    }
}
