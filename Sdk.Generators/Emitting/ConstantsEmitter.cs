using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Emitting;

/// <summary>Writes the constants of one group, those of one kind in one declaration.</summary>
internal static class ConstantsEmitter
{
    /// <param name="source">Where to write.</param>
    /// <param name="group">The group.</param>
    /// <param name="plan">Its plan for the whole model with one block, or null for a stub.</param>
    public static void Emit(SourceWriter source, KvGroupSchema group, KvGroupPlan? plan)
    {
        var tokens = group.BlockTokens != 0 ? ", tokens of one block" : "";
        var heads = group.KvHeads != 0 ? ", KV heads" : "";
        var window = group.Window != 0 ? ", tokens of the attention window" : "";
        Declare(source, "int", "Of the whole model: layers" + tokens + heads + window + ".", Shape(group));
        Declare(source, "int", "Separate tensors of the whole model, whose base addresses are given in this number; contiguous pieces of one block.",
            [("TensorCount", plan?.Tensors.Count ?? 0), ("PiecesPerBlock", plan?.PiecesPerBlock ?? 0)]);
        Declare(source, "long", "Transferred bytes of one block, all heads: of all layers, of one layer.",
            [("BytesPerBlock", plan?.BytesPerBlock ?? 0), ("BytesPerBlockAndLayer", (plan?.BytesPerBlock ?? 0) / Math.Max(group.Layers, 1))]);
        Declare(source, "long", "Bytes of one block in memory, with padding and with what is not transferred.",
            [("PageBytesPerBlock", plan?.PageBytesPerBlock ?? 0)]);
        if (group.BlockTokens == 0)
            return;
        heads = group.KvHeads != 0 ? ", of one head (of components by head)" : "";
        Declare(source, "long", "Transferred bytes of one token, all layers, rounded up: of all heads" + heads + ".", PerToken(group, plan));
    }

    private static IEnumerable<(string Name, long Value)> Shape(KvGroupSchema group)
    {
        yield return ("Layers", group.Layers);
        if (group.BlockTokens != 0)
            yield return ("BlockTokens", group.BlockTokens);
        if (group.KvHeads != 0)
            yield return ("KvHeads", group.KvHeads);
        if (group.Window != 0)
            yield return ("Window", group.Window);
    }

    private static IEnumerable<(string Name, long Value)> PerToken(KvGroupSchema group, KvGroupPlan? plan)
    {
        yield return ("BytesPerToken", plan?.BytesPerToken ?? 0);
        if (group.KvHeads != 0)
            yield return ("BytesPerTokenAndHead", plan is null ? 0 : BytesPerTokenAndHead(plan));
    }

    private static void Declare(SourceWriter source, string type, string summary, IEnumerable<(string Name, long Value)> constants) => source.Member(
        summary, "public const " + type + " " + string.Join(", ", constants.Select(constant => constant.Name + " = " + Literal.Of(constant.Value))) + ";");

    private static long BytesPerTokenAndHead(KvGroupPlan plan)
    {
        var bytes = 0L;
        foreach (var component in plan.Components)
        {
            if (component.Schema.Transfer && ShareMath.Rule(component.Schema, component.Dims.Any(dim => dim.Dim.Kind == DimKind.Head)) == KvShard.Head)
                bytes += component.BytesPerBlock;
        }
        return bytes / plan.Schema.BlockTokens / plan.Schema.KvHeads;
    }
}
