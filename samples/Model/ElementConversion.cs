using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Nixl.Sdk.Samples.Model;

/// <summary>The element types of weight files, widened to float. Files are little-endian, as every machine we run on.</summary>
internal static class ElementConversion
{
    /// <summary>Bytes of one element, or 0 for a type that weights cannot have here.</summary>
    internal static int Size(string type) => type switch { "F32" => 4, "BF16" or "F16" => 2, _ => 0 };

    internal static void ToSingle(string type, ReadOnlySpan<byte> from, Span<float> to)
    {
        switch (type)
        {
            case "F32":
                MemoryMarshal.Cast<byte, float>(from).CopyTo(to);
                break;
            case "F16":
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(from), to);
                break;
            case "BF16": // the upper half of a float
                var halves = MemoryMarshal.Cast<byte, ushort>(from);
                for (var i = 0; i < halves.Length; i++) to[i] = BitConverter.UInt32BitsToSingle((uint)halves[i] << 16);
                break;
            default:
                throw new ModelFormatException($"Element type '{type}' is not one of F32, BF16, F16.");
        }
    }
}
