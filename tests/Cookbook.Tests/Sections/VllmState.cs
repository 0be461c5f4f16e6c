using Nixl.Sdk.Cookbook.Tests.Support;
using Xunit;
using static Nixl.Sdk.Cookbook.Tests.Support.Loops;
using static Nixl.Sdk.ElementType;

namespace Nixl.Sdk.Cookbook.Tests.Sections;

#region vLLM Mamba and GDN state
[KvLayout(KvOrder.State, Layers = 23, PageAlign = 4096, TpSizes = [1, 2, 4, 8])]
public readonly partial struct NemotronState
{
    [KvComponent(BFloat16, 4096, 3, Shard = KvShard.Units, Units = 64)] public static partial KvComponent X { get; }
    [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent B { get; }
    [KvComponent(BFloat16, 1024, 3, Shard = KvShard.Units, Units = 8)] public static partial KvComponent C { get; }
    [KvComponent(Float32, 64, 64, 128, Shard = KvShard.Units, Units = 64)] public static partial KvComponent Ssm { get; }
}
#endregion

[KvLayout(KvOrder.State, Layers = 2, PageAlign = 256)]
public readonly partial struct TinyState
{
    [KvComponent(BFloat16, 8, 3, Shard = KvShard.Units, Units = 4)] public static partial KvComponent X { get; }
    [KvComponent(BFloat16, 4, 3, Shard = KvShard.Units, Units = 4)] public static partial KvComponent B { get; }
    [KvComponent(BFloat16, 4, 3, Shard = KvShard.Units, Units = 4)] public static partial KvComponent C { get; }
    [KvComponent(Float32, 4, 2, 6, Shard = KvShard.Units, Units = 4)] public static partial KvComponent Ssm { get; }
}

[KvLayout(KvOrder.State, Layers = 2)]
public readonly partial struct TinyStateWithPadComponent
{
    [KvComponent(BFloat16, 8, 3)] public static partial KvComponent Conv { get; }
    [KvComponent(UInt8, 20, Transfer = false)] public static partial KvComponent Gap { get; }
    [KvComponent(Float32, 4, 2, 5)] public static partial KvComponent Ssm { get; }
    [KvComponent(UInt8, 76, Transfer = false)] public static partial KvComponent Pad { get; }
}

public sealed class VllmState : SectionTests
{
    private const int L = 2, Units = 4;

    public override string Heading => "vLLM Mamba and GDN state";

    public override IEnumerable<CheckValue> CheckValues =>
    [
        CheckValue.Of("Nemotron 3 Nano state", NemotronState.Schema, 2, 0, (23, 18_432 + 1_048_576)),
        CheckValue.Of("Nemotron 3 Nano state", NemotronState.Schema, 1, 0, (23, 36_864 + 2_097_152)),
    ];

    [Fact]
    public void Pages_of_the_real_model_are_padded_to_4096_bytes()
    {
        var tensor = NemotronState.Plan(10, new KvParallel(Tp: 2)).Groups[0].Tensors[0];
        Assert.Equal(261 * 4096, tensor.PageStride); // 1,067,008 bytes of state and 2,048 of pad
        Assert.Equal(10 * 261 * 4096, tensor.Bytes);
    }

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_pages_move_and_the_pad_stays(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyState>(transports, memory, [Naive(Part.Whole(Units))]);

    [Theory, MemberData(nameof(Settings.All), MemberType = typeof(Settings))]
    public Task Random_pages_move_and_components_that_are_not_transferred_stay(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyStateWithPadComponent>(transports, memory, [NaiveWithPad()]);

    [Theory]
    [InlineData(NixlTransports.Loopback, Memory.Bound)]
    [InlineData(NixlTransports.Local, Memory.Carved)]
    public Task Random_pages_of_the_engines_own_size_move(NixlTransports transports, Memory memory) =>
        Moves.CheckAsync<TinyState>(transports, memory, [Naive(Part.Whole(Units), ownPage: 612)]);

    /// <summary>
    /// Per layer [B] pages of: x (2 rows of 3 per unit), B, C (1 row of 3 per unit), SSM (2 × 6 per unit), filled up to a multiple of
    /// 256 bytes or to the engine's own page.
    /// </summary>
    internal static NaiveGroup Naive(Part units, int ownPage = 0)
    {
        var (x, bc, ssm) = (units.All * 2 * 3 * 2, units.All * 3 * 2, units.All * 2 * 6 * 4);
        var page = ownPage > 0 ? ownPage : (x + 2 * bc + ssm + 255) / 256 * 256;
        return new(
            B => NaiveGroup.Same(L, (long)B * page),
            (B, b) =>
                from l in Upto(L) from u in Each(units)
                let start = b * (long)page
                from place in Upto(6).Select(i => new Place(l, start + (u * 6 + i) * 2, 2, new(0, l, 0, 0, u * 6 + i)))
                    .Concat(Upto(3).Select(i => new Place(l, start + x + (u * 3 + i) * 2, 2, new(1, l, 0, 0, u * 3 + i))))
                    .Concat(Upto(3).Select(i => new Place(l, start + x + bc + (u * 3 + i) * 2, 2, new(2, l, 0, 0, u * 3 + i))))
                    .Concat(Upto(12).Select(i => new Place(l, start + x + 2 * bc + (u * 12 + i) * 4, 4, new(3, l, 0, 0, u * 12 + i))))
                select place)
        { PageStride = ownPage };
    }

    /// <summary>Per layer [B] pages of: conv 48 bytes, 20 bytes of gap, SSM 160 bytes, 76 bytes of pad.</summary>
    private static NaiveGroup NaiveWithPad() => new(
        B => NaiveGroup.Same(L, B * (48L + 20 + 160 + 76)),
        (B, b) =>
            from l in Upto(L)
            let page = b * (48L + 20 + 160 + 76)
            from place in Upto(24).Select(i => new Place(l, page + i * 2, 2, new(0, l, 0, 0, i)))
                .Concat(Upto(40).Select(i => new Place(l, page + 48 + 20 + i * 4, 4, new(2, l, 0, 0, i))))
            select place);
}
