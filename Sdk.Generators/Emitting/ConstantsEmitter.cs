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
        var hasTokens = group.BlockTokens != 0;
        var hasHeads = group.KvHeads != 0;
        Declare(source, "int", "Of the whole model: layers" + (hasTokens ? ", tokens of one block" : "") + (hasHeads ? ", KV heads" : "") + ".",
        [
            ("Layers", group.Layers),
            .. hasTokens ? [("BlockTokens", group.BlockTokens)] : Array.Empty<(string, long)>(),
            .. hasHeads ? [("KvHeads", group.KvHeads)] : Array.Empty<(string, long)>(),
        ]);
        Declare(source, "int", "Separate tensors of the whole model, whose base addresses are given in this number; contiguous pieces of one block.",
            [("TensorCount", plan?.Tensors.Count ?? 0), ("PiecesPerBlock", plan?.PiecesPerBlock ?? 0)]);
        Declare(source, "long", "Transferred bytes of one block, all heads: of all layers, of one layer.",
            [("BytesPerBlock", plan?.BytesPerBlock ?? 0), ("BytesPerBlockAndLayer", (plan?.BytesPerBlock ?? 0) / Math.Max(group.Layers, 1))]);
        Declare(source, "long", "Bytes of one block in memory, with padding and with what is not transferred.",
            [("PageBytesPerBlock", plan?.PageBytesPerBlock ?? 0)]);
        if (hasTokens)
        {
            Declare(source, "long", "Transferred bytes of one token, all layers, rounded up: of all heads" + (hasHeads ? ", of one head (of components by head)" : "") + ".",
            [
                ("BytesPerToken", plan?.BytesPerToken ?? 0),
                .. hasHeads ? [("BytesPerTokenAndHead", plan is null ? 0 : BytesPerTokenAndHead(plan))] : Array.Empty<(string, long)>(),
            ]);
        }
    }

    private static void Declare(SourceWriter source, string type, string summary, (string Name, long Value)[] constants) => source.Member(
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
