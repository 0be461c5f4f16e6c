using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Emitting;

/// <summary>Writes what belongs to one group: constants, component properties, typed forwarders. Loops live in the SDK.</summary>
internal static class GroupEmitter
{
    private const string Sdk = "global::Nixl.Sdk.";

    /// <param name="source">Where to write.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="index">The group's index.</param>
    /// <param name="plan">The plan of the whole model with one block, or null for a stub.</param>
    public static void Emit(SourceWriter source, LayoutSpec layout, int index, KvGroupPlan? plan)
    {
        Constants(source, layout.Schema.Groups[index], plan);
        var number = 0;
        foreach (var property in layout.Groups[index].Properties)
        {
            var head = (property.Modifiers.Length == 0 ? "" : property.Modifiers + " ") + (layout.IsPreset ? "static " : "static partial ") + Sdk + "KvComponent " + property.Name;
            source.Line(head + (layout.IsStub ? " => default;" : " => new(Schema, " + Literal.Of(index) + ", " + Literal.Of(number) + ");"));
            number++;
        }
        source.Line();
        Forwarders(source, layout.Type.FullName, index);
    }

    private static void Constants(SourceWriter source, KvGroupSchema group, KvGroupPlan? plan)
    {
        source.Member("Layers of the whole model.", "public const int Layers = " + Literal.Of(group.Layers) + ";");
        if (group.BlockTokens != 0)
            source.Member("Tokens of one block.", "public const int BlockTokens = " + Literal.Of(group.BlockTokens) + ";");
        if (group.KvHeads != 0)
            source.Member("KV heads of the whole model.", "public const int KvHeads = " + Literal.Of(group.KvHeads) + ";");
        source.Member("Separate tensors of the whole model; their base addresses are given in this number.",
            "public const int TensorCount = " + Literal.Of(plan?.Tensors.Count ?? 0) + ";");
        source.Member("Contiguous pieces of one block.", "public const int PiecesPerBlock = " + Literal.Of(plan?.PiecesPerBlock ?? 0) + ";");
        source.Member("Transferred bytes of one block, all heads and layers.", "public const long BytesPerBlock = " + Literal.Of(plan?.BytesPerBlock ?? 0) + ";");
        source.Member("Transferred bytes of one block in one layer, all heads.",
            "public const long BytesPerBlockAndLayer = " + Literal.Of((plan?.BytesPerBlock ?? 0) / Math.Max(group.Layers, 1)) + ";");
        source.Member("Bytes of one block in memory, with padding and with what is not transferred.",
            "public const long PageBytesPerBlock = " + Literal.Of(plan?.PageBytesPerBlock ?? 0) + ";");
        if (group.BlockTokens != 0)
        {
            source.Member("Transferred bytes of one token, all heads and layers, rounded up.",
                "public const long BytesPerToken = " + Literal.Of(plan?.BytesPerToken ?? 0) + ";");
        }
        if (group.BlockTokens != 0 && group.KvHeads != 0)
        {
            source.Member("Bytes of one token and KV head, all layers, of the components that are split by head.",
                "public const long BytesPerTokenAndHead = " + Literal.Of(plan is null ? 0 : BytesPerTokenAndHead(plan)) + ";");
        }
        source.Line();
    }

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

    private static void Forwarders(SourceWriter source, string layoutName, int index)
    {
        var group = "plan.Groups[" + Literal.Of(index) + "]";
        const string Plan = Sdk + "Planning.KvPlan plan, ";
        const string Bases = "global::System.ReadOnlySpan<ulong> bases";
        const string Ids = "global::System.ReadOnlySpan<int> ";
        Forwarder(source, "Build", "int BuildDescriptors",
            Plan + Bases + ", " + Ids + "blockIds, global::System.Span<" + Sdk + "MemoryDescriptor> destination",
            Sdk + "KvDescriptors.Build(" + group + ", bases, blockIds, destination)");
        Forwarder(source, "PrepareLocal", Sdk + "PreparedList PrepareLocal",
            Sdk + "NixlAgent agent, " + Plan + Bases,
            Sdk + "KvDescriptors.PrepareLocal(agent, " + group + ", bases)");
        Forwarder(source, "PrepareRemote", Sdk + "PreparedList PrepareRemote",
            Sdk + "NixlAgent agent, " + Sdk + "RemoteAgent peer, " + Plan + Bases,
            Sdk + "KvDescriptors.PrepareRemote(agent, peer, " + group + ", bases)");
        foreach (var verb in new[] { "Write", "Read" })
        {
            source.Line("/// <inheritdoc cref=\"" + Sdk + "RemoteKvPool." + verb + "BlocksAsync(int, global::System.ReadOnlySpan{int}, " +
                "global::System.ReadOnlySpan{int}, in " + Sdk + "PostOptions, global::System.Threading.CancellationToken)\"/>");
            source.Line("public static global::System.Threading.Tasks.ValueTask<" + Sdk + "TransferResult> " + verb + "BlocksAsync(" +
                Sdk + "RemoteKvPool<" + layoutName + "> remote, " + Ids + "localBlocks, " + Ids + "remoteBlocks, in " + Sdk +
                "PostOptions options = default, global::System.Threading.CancellationToken cancellationToken = default) =>");
            source.Line("    remote." + verb + "BlocksAsync(" + Literal.Of(index) + ", localBlocks, remoteBlocks, options, cancellationToken);");
        }
    }

    private static void Forwarder(SourceWriter source, string documented, string head, string parameters, string body)
    {
        source.Line("/// <inheritdoc cref=\"" + Sdk + "KvDescriptors." + documented + "\"/>");
        source.Line("public static " + head + "(" + parameters + ") =>");
        source.Line("    " + body + ";");
    }
}
