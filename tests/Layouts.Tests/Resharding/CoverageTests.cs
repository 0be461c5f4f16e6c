using Nixl.Sdk.Layouts.Tests.Planning;
using Nixl.Sdk.Planning;
using Xunit;

namespace Nixl.Sdk.Layouts.Tests.Resharding;

/// <summary>The proof that a plan is exact, given plans that are not: whatever is wrong with one piece is found and placed.</summary>
public sealed class CoverageTests
{
    private static readonly KvSchema Source = Schemas.KeyValue(KvOrder.SplitNhd, layers: 2, blockTokens: 8, heads: 4, dim: 16).With(group => group with { PageAlign = 4096 });
    private static readonly KvSchema Target = Schemas.KeyValue(KvOrder.SplitHnd, layers: 2, blockTokens: 16, heads: 4, dim: 16).With(group => group with { PageAlign = 8192 });

    public static TheoryData<string, Func<ReshardPiece, ReshardPiece[]>> Mistakes() => new()
    {
        { "would not be written", _ => [] },
        { "would be written twice", piece => [piece, piece] },
        { "no part of a block", piece => [piece, piece with { TargetOffset = 4 * 16 * 32 }] },
        { "no part of a block", piece => [piece, piece with { TargetTensor = 4 }] },
        { "would not be written", piece => [piece with { Length = piece.Length - 2 }] },
        { "would be written twice", piece => [piece with { Length = piece.Length + 2 }] },
        { "would not be written", piece => [piece with { TargetOffset = 4 * 16 * 32 }] },
        { "would not be written", piece => [piece with { TargetTensor = 4 }] },
        { "no part of a block", piece => [piece with { TargetStride = piece.TargetStride + 64 }] },
        { "would be written twice", piece => [piece with { TargetUnitStride = piece.TargetUnitStride - 2 }] },
        { "holds nothing to transfer", piece => [piece with { SourceOffset = 8 * 4 * 32 }] },
        { "holds nothing to transfer", piece => [piece with { SourceTensor = 4 }] },
        { "holds nothing to transfer", piece => [piece with { SourceStride = piece.SourceStride + 64 }] },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_in_any_piece_is_found(string finding, Func<ReshardPiece, ReshardPiece[]> mistake)
    {
        var groups = Routes();
        Assert.Null(Coverage.Find(groups[0].Target, groups));
        for (var rank = 0; rank < groups.Count; rank++)
        {
            for (var i = 0; i < groups[rank].Pieces.Count; i++)
            {
                var pieces = groups[rank].Pieces.ToList();
                var wrong = mistake(pieces[i]);
                pieces.RemoveAt(i);
                pieces.InsertRange(i, wrong);
                var broken = groups.ToList();
                broken[rank] = groups[rank] with { Pieces = [.. pieces] };
                var found = Coverage.Find(groups[rank].Target, broken);
                Assert.NotNull(found);
                if ((rank, i) == (0, 0)) // the last piece has no neighbour to run into, but the end of the block
                    Assert.Contains(finding, found, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void A_source_that_is_left_out_is_missed_and_one_too_many_is_found()
    {
        var groups = Routes();
        Assert.Contains("would not be written", Coverage.Find(groups[0].Target, groups.Skip(1)), StringComparison.Ordinal);
        Assert.Contains("would be written twice", Coverage.Find(groups[0].Target, [.. groups, groups[1]]), StringComparison.Ordinal);
    }

    // Two source ranks with padded pages, tokens outside heads; one target rank whose blocks are two of theirs.
    private static List<ReshardGroup> Routes() =>
        [.. new ReshardPlanner(Source, 2, 1, Target).RoutesTo(KvPlan.Create(Target, KvParallel.Single, 3)).Select(route => route.Groups[0])];
}
