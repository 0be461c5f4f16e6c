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
        ConstantsEmitter.Emit(source, layout.Schema.Groups[index], plan);
        Components(source, layout, index);
        Forwarders(source, layout.Type.FullName, index);
    }

    private static void Components(SourceWriter source, LayoutSpec layout, int index)
    {
        var properties = layout.Groups[index].Properties;
        for (var i = 0; i < properties.Count; i++)
        {
            var property = properties[i];
            if (layout.IsPreset)
                source.Line("/// <summary>The component " + property.Name + ".</summary>");
            source.Line((property.Modifiers.Length == 0 ? "" : property.Modifiers + " ") + (layout.IsPreset ? "static " : "static partial ") + Sdk + "KvComponent " +
                property.Name + (layout.IsStub ? " => default;" : " => new(Schema, " + Literal.Of(index) + ", " + Literal.Of(i) + ");"));
        }
    }

    private static void Forwarders(SourceWriter source, string layoutName, int index)
    {
        var group = "plan.Groups[" + Literal.Of(index) + "]";
        const string Plan = Sdk + "Planning.KvPlan plan, ";
        const string Bases = "global::System.ReadOnlySpan<ulong> bases";
        const string Ids = "global::System.ReadOnlySpan<int> ";
        Forwarder(source, "Build", "int BuildDescriptors",
            Plan + Bases + ", " + Ids + "blockIds, global::System.Span<" + Sdk + "MemoryDescriptor> destination", group + ", bases, blockIds, destination");
        Forwarder(source, "PrepareLocal", Sdk + "PreparedList PrepareLocal",
            Sdk + "NixlAgent agent, " + Plan + Bases, "agent, " + group + ", bases");
        Forwarder(source, "PrepareRemote", Sdk + "PreparedList PrepareRemote",
            Sdk + "NixlAgent agent, " + Sdk + "RemoteAgent peer, " + Plan + Bases, "agent, peer, " + group + ", bases");
        foreach (var verb in new[] { "Write", "Read" })
        {
            source.Line("/// <inheritdoc cref=\"" + Sdk + "RemoteKvPool." + verb + "BlocksAsync(int, global::System.ReadOnlySpan{int}, " +
                "global::System.ReadOnlySpan{int}, in " + Sdk + "PostOptions, global::System.Threading.CancellationToken)\"/>");
            source.Line("public static global::System.Threading.Tasks.ValueTask<" + Sdk + "TransferResult> " + verb + "BlocksAsync(" +
                Sdk + "RemoteKvPool<" + layoutName + "> remote, " + Ids + "localBlocks, " + Ids + "remoteBlocks, in " + Sdk +
                "PostOptions options = default, global::System.Threading.CancellationToken cancellationToken = default) => remote." + verb +
                "BlocksAsync(" + Literal.Of(index) + ", localBlocks, remoteBlocks, options, cancellationToken);");
        }
    }

    private static void Forwarder(SourceWriter source, string target, string head, string parameters, string arguments)
    {
        source.Line("/// <inheritdoc cref=\"" + Sdk + "KvDescriptors." + target + "\"/>");
        source.Line("public static " + head + "(" + parameters + ") => " + Sdk + "KvDescriptors." + target + "(" + arguments + ");");
    }
}
