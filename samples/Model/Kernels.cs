using System.Numerics.Tensors;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// The arithmetic over one row. Every function's result for one token depends on that token's row alone, never on how many rows are in a
/// batch: prefill in chunks, decode one by one and a batch of many sequences give the same bits. <see cref="LinearKernel"/> and
/// <see cref="AttentionKernel"/> are the rest of it.
/// </summary>
internal static class Kernels
{
    /// <summary>y = x / sqrt(mean(x²) + ε) · weight.</summary>
    internal static void RmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float epsilon, Span<float> y)
    {
        var scale = 1f / MathF.Sqrt((TensorPrimitives.SumOfSquares(x) / x.Length) + epsilon);
        TensorPrimitives.Multiply(x, scale, y);
        TensorPrimitives.Multiply(y, weight, y);
    }

    /// <summary>gate = silu(gate) · up, with silu(g) = g · sigmoid(g).</summary>
    internal static void SwiGlu(Span<float> gate, ReadOnlySpan<float> up, Span<float> scratch)
    {
        TensorPrimitives.Sigmoid(gate, scratch);
        TensorPrimitives.Multiply(gate, scratch, gate);
        TensorPrimitives.Multiply(gate, up, gate);
    }

    /// <summary>Softmax in place, with the maximum taken off first so that no exponential overflows.</summary>
    internal static void Softmax(Span<float> x)
    {
        TensorPrimitives.Subtract(x, TensorPrimitives.Max(x), x);
        TensorPrimitives.Exp(x, x);
        TensorPrimitives.Divide(x, TensorPrimitives.Sum(x), x);
    }
}
