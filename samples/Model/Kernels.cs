using System.Numerics.Tensors;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// The arithmetic. Every function's result for one token depends on that token's row alone, never on how many rows are in
/// the call: prefill in chunks and decode one by one give the same bits.
/// </summary>
internal static class Kernels
{
    /// <summary>y[t] = W x[t] for the first <paramref name="count"/> rows; a row of W is used for all of them while it is in the cache.</summary>
    internal static void Linear(Matrix weight, Matrix x, Matrix y, int count)
    {
        for (var row = 0; row < weight.Rows; row++)
        {
            ReadOnlySpan<float> w = weight.Row(row);
            for (var t = 0; t < count; t++) y.Row(t)[row] = TensorPrimitives.Dot(x.Row(t), w);
        }
    }

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
