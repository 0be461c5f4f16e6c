using System.Text;
using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>The offsets section of a canonical text, from a plan of the whole model with one block.</summary>
internal static class OffsetText
{
    public static void Write(StringBuilder text, KvGroupPlan plan)
    {
        text.Append("  offsets\n");
        text.Append(Invariant($"    tensors: {plan.Tensors.Count}{TensorDims(plan)}\n"));
        foreach (var component in plan.Components)
        {
            text.Append("    ").Append(component.Schema.Name).Append(": offset ").Append(Bytes(component.Offset, component.OffsetPerBlockCount));
            foreach (var dim in component.Dims)
            {
                if (dim.IsTensor || dim.Dim.Kind == DimKind.Component)
                    continue;
                text.Append(Invariant($", {dim.Dim} {Bytes(dim.Stride, dim.PerBlockCount)}"));
                if (dim.Dim.Kind != DimKind.Block)
                    text.Append(Invariant($" x{dim.Size}"));
            }
            text.Append('\n');
        }
        text.Append(Invariant($"    block: {plan.PiecesPerBlock} pieces, {plan.BytesPerBlock} bytes\n"));
    }

    private static string TensorDims(KvGroupPlan plan)
    {
        var text = "";
        foreach (var dim in plan.Components[0].Dims)
        {
            if (dim.IsTensor)
                text += Invariant($"{(text.Length == 0 ? " = " : " x ")}{dim.Dim} {dim.Size}");
        }
        return text;
    }

    private static string Bytes(long value, bool perBlockCount) => Invariant($"{value}") + (perBlockCount && value != 0 ? "*B" : "");
}
