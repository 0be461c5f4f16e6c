using CsCheck;
using Nixl.Sdk.Layouts.Tests.Planning;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Resharding;

/// <summary>
/// Random contents between random placements, ranks and block sizes. The reference fills every byte of the sources with a number that
/// names what it is, carries out the plan, and looks at every byte of the targets.
/// </summary>
public sealed class ReshardPropertyTests
{
    private const int Cases = 500;
    private const byte Poison = 0xA5;

    [Fact]
    public void Every_byte_of_every_target_block_is_what_the_content_says_and_no_other_byte_changes() => ForAll(tiles: false, most: Cases / 4);

    [Fact]
    public void Tiles_are_moved_or_refused_and_never_moved_wrongly() => ForAll(tiles: true, most: Cases / 3);

    private static void ForAll(bool tiles, int most)
    {
        var refused = 0;
        Gen.Int[0, int.MaxValue - 1].Sample(seed =>
        {
            var random = new Random(seed);
            var content = new NaiveContent(random);
            var source = new NaiveSide(content, random, tiles);
            var target = new NaiveSide(content, random, tiles);
            try
            {
                Check(content, source, target, random);
            }
            catch (NotSupportedException reason) when (Explained(reason.Message, source, target))
            {
                refused++;
            }
            catch (LayoutException) when (tiles)
            {
                refused++; // a tile that does not divide a rank's share
            }
        }, iter: Cases, threads: 1);
        Assert.True(refused <= most, $"{refused} of {Cases} were refused");
    }

    // Only what cannot be moved may be refused: values per block between blocks of different sizes, and tiles that do not meet.
    private static bool Explained(string message, NaiveSide source, NaiveSide target) =>
        (message.Contains("one value per block", StringComparison.Ordinal) && source.Entries != target.Entries) ||
        (message.Contains("tile", StringComparison.Ordinal) && (source.Tails.Concat(target.Tails).Any(tail => tail.Any(letter => letter.Length > 1))));

    private static void Check(NaiveContent content, NaiveSide source, NaiveSide target, Random random)
    {
        var plan = ReshardPlan.Create(source.Schema, source.Tp, target.Schema, target.Tp, source.Pp, target.Pp);
        // As many whole blocks on both sides as hold the same tokens, at random places.
        var entries = content.HasTokens ? Lcm(source.Entries, target.Entries) : 1;
        var sourceBlocks = Distinct(random, content.HasTokens ? entries / source.Entries : 1, source.Blocks);
        var targetBlocks = Distinct(random, content.HasTokens ? entries / target.Entries : 1, target.Blocks);
        var sources = new Dictionary<KvParallel, byte[][]>();
        for (var pp = 0; pp < source.Pp; pp++)
        {
            for (var tp = 0; tp < source.Tp; tp++)
            {
                var rank = source.Rank(tp, pp);
                var memory = Memory(rank, random.Next());
                Fill(content, source, rank, sourceBlocks, memory);
                sources[rank.Parallel] = memory;
            }
        }
        for (var pp = 0; pp < target.Pp; pp++)
        {
            for (var tp = 0; tp < target.Tp; tp++)
            {
                var rank = target.Rank(tp, pp);
                var actual = Memory(rank, Poison);
                foreach (var route in plan.To(tp, pp))
                    Move(route, sources[route.Source], actual, sourceBlocks, targetBlocks, source, target);
                var expected = Memory(rank, Poison);
                Fill(content, target, rank, targetBlocks, expected);
                for (var t = 0; t < expected.Length; t++)
                    Assert.Equal(expected[t], actual[t]);
            }
        }
        for (var pp = 0; pp < source.Pp; pp++)
        {
            for (var tp = 0; tp < source.Tp; tp++)
                AssertReleased(plan, target, tp, pp);
        }
    }

    private static void AssertReleased(ReshardPlan plan, NaiveSide target, int tp, int pp)
    {
        var told = plan.ReleasedBy(tp, pp);
        Assert.NotEmpty(told);
        Assert.Equal(told.Count, told.Distinct().Count());
        Assert.All(told, rank => Assert.True(rank.Tp == target.Tp && rank.TpRank < target.Tp && rank.Pp == target.Pp && rank.PpRank < target.Pp));
        foreach (var route in plan.Routes.Where(route => route.Source.TpRank == tp && route.Source.PpRank == pp))
            Assert.Contains(route.Target, told);
    }

    // The plan, carried out as its documentation says; plans are made for one block, so the strides outside B are scaled by hand.
    private static void Move(ReshardRoute route, byte[][] from, byte[][] to, int[] fromBlocks, int[] toBlocks, NaiveSide source, NaiveSide target)
    {
        var group = Assert.Single(route.Groups);
        var real = new ReshardPlanner(source.Schema, source.Tp, source.Pp, target.Schema)
            .RoutesTo(KvPlan.Create(target.Schema, route.Target, target.Blocks), KvPlan.Create(source.Schema, route.Source, source.Blocks))
            .Single(candidate => candidate.Source == route.Source).Groups[0];
        Assert.Equal(group.BytesPerUnit, real.BytesPerUnit);
        var units = fromBlocks.Length * real.Units.SourcePerBlock;
        Assert.Equal(units, toBlocks.Length * real.Units.TargetPerBlock);
        foreach (var piece in real.Pieces)
        {
            for (var unit = 0; unit < units; unit++)
            {
                var (fromBlock, fromUnit) = (fromBlocks[unit / real.Units.SourcePerBlock], unit % real.Units.SourcePerBlock);
                var (toBlock, toUnit) = (toBlocks[unit / real.Units.TargetPerBlock], unit % real.Units.TargetPerBlock);
                Array.Copy(
                    from[piece.SourceTensor], piece.SourceOffset + fromBlock * piece.SourceStride + fromUnit * piece.SourceUnitStride,
                    to[piece.TargetTensor], piece.TargetOffset + toBlock * piece.TargetStride + toUnit * piece.TargetUnitStride, piece.Length);
            }
        }
    }

    // Every byte of the listed blocks gets the number of the content that it holds, wherever this side has it.
    private static void Fill(NaiveContent content, NaiveSide side, NaiveRank rank, int[] blocks, byte[][] memory)
    {
        if (rank.LayerCount == 0)
            return;
        foreach (var (element, place) in new NaiveCache(rank).Elements)
        {
            var order = Array.IndexOf(blocks, element.Block);
            var part = content.Parts[side.Declared[element.Component]];
            if (order < 0 || !part.Moved)
                continue;
            // Values per block stand for their block, which is the same on both sides where they can be moved at all.
            var entry = part.PerToken ? order * side.Entries + element.Entry : order;
            for (var i = 0; i < part.Bytes; i++)
            {
                memory[place.TensorIndex][place.Offset + i] = Name(
                    part.Name[1], rank.FirstLayer + element.Layer, entry, rank.FirstHead(element.Component) + element.Head,
                    rank.FirstElement(element.Component) + element.Element, i);
            }
        }
    }

    private static byte Name(params ReadOnlySpan<int> numbers)
    {
        var hash = 2166136261u;
        foreach (var number in numbers)
            hash = (hash ^ (uint)number) * 16777619u * 31;
        return (byte)((hash >> 13) ^ (hash >> 24));
    }

    private static byte[][] Memory(NaiveRank rank, int fill)
    {
        if (rank.LayerCount == 0)
            return [];
        var memory = new NaiveCache(rank).TensorBytes.Select(bytes => new byte[bytes]).ToArray();
        foreach (var tensor in memory)
            Array.Fill(tensor, (byte)fill);
        return memory;
    }

    private static int[] Distinct(Random random, int count, int blocks)
    {
        var all = Enumerable.Range(0, blocks).ToArray();
        random.Shuffle(all);
        return all[..count];
    }

    private static int Lcm(int a, int b)
    {
        var lcm = a;
        while (lcm % b != 0)
            lcm += a;
        return lcm;
    }
}
