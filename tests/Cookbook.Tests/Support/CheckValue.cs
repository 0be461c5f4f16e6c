using System.Globalization;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>One row of a section's table: the pieces of one block of a real model on one rank.</summary>
/// <param name="Model">The model and the numbers that it is planned with.</param>
/// <param name="Planned">The lengths of the pieces that are planned.</param>
/// <param name="BytesPerBlock">What they must be together.</param>
/// <param name="Pieces">How many pieces of how many bytes, longest first.</param>
public sealed record CheckValue(string Model, IReadOnlyList<long> Planned, long BytesPerBlock, params (int Count, long Bytes)[] Pieces)
{
    private const long Blocks = 100;

    /// <summary>Plans a layout for the fourth of so many ranks; a block size that is given replaces the layout's.</summary>
    public static CheckValue Of(string model, KvSchema schema, int tp, int blockTokens, params (int Count, long Bytes)[] pieces) =>
        Of(model, schema, tp, blockTokens, 0, pieces);

    /// <summary>The same for one of several groups.</summary>
    public static CheckValue Of(
        string model, KvSchema schema, int tp, int blockTokens, int group, params (int Count, long Bytes)[] pieces)
    {
        if (blockTokens > 0)
            schema = schema.WithBlockTokens(blockTokens);
        var name = model + (tp > 1 ? Text($", TP {tp}") : "") + (blockTokens == 0 ? "" : Text($", N = {blockTokens}"));
        var planned = KvPlan.Create(schema, new KvParallel(tp, Math.Min(3, tp - 1)), Blocks).Groups[group];
        return new CheckValue(name, [.. planned.Regions.Select(static region => region.Length)], planned.BytesPerBlock, pieces);
    }

    /// <summary>Plans what one block of the fourth rank of a target is made of between two sides of one group that differ.</summary>
    public static CheckValue Between(
        string model, KvSchema source, int sourceTp, KvSchema target, int targetTp, params (int Count, long Bytes)[] pieces)
    {
        var rank = new KvParallel(targetTp, Math.Min(3, targetTp - 1));
        var planned =
            from route in ReshardPlan.Create(source, sourceTp, target, targetTp).To(rank.TpRank)
            from unit in Loops.Upto(route.Groups[0].Units.TargetPerBlock)
            from piece in route.Groups[0].Pieces
            select piece.Length;
        return new CheckValue(model + Text($", TP {sourceTp} → {targetTp}"), [.. planned],
            KvPlan.Create(target, rank, Blocks).Groups[0].BytesPerBlock, pieces);
    }

    /// <summary>The row as the page shows it.</summary>
    public string Row => "| " + Model + " | " + string.Join(" + ", Pieces.Select(static piece => Text($"{piece.Count:N0} × {piece.Bytes:N0}"))) + " |";

    public void Assert()
    {
        var found = Planned.GroupBy(static length => length).OrderByDescending(static each => each.Key)
            .Select(static each => (each.Count(), each.Key));
        Xunit.Assert.Equal(Pieces, found);
        Xunit.Assert.Equal(Pieces.Sum(static piece => piece.Count * piece.Bytes), BytesPerBlock);
    }

    /// <summary>For the test's name.</summary>
    public override string ToString() => Model;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
