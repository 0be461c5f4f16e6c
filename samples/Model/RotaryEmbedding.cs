using System.Numerics.Tensors;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Rotary position embedding in Hugging Face's convention: element i and element i + headDim/2 of a head are one pair, turned by
/// position · θ^(-2i/headDim). Immutable tables; safe for concurrent use.
/// </summary>
internal sealed class RotaryEmbedding : IDisposable
{
    private readonly int _half;
    private readonly Matrix _cos;
    private readonly Matrix _sin;

    internal RotaryEmbedding(LlamaConfig config)
    {
        _half = config.HeadDim / 2;
        _cos = new Matrix(config.MaxPositions, _half);
        _sin = new Matrix(config.MaxPositions, _half);
        var frequencies = new double[_half];
        for (var i = 0; i < _half; i++)
            frequencies[i] = Scale(Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim), config.RopeScaling);
        for (var position = 0; position < config.MaxPositions; position++)
        {
            Span<float> cos = _cos.Row(position), sin = _sin.Row(position);
            for (var i = 0; i < _half; i++)
            {
                // The angle is rounded to float first, as the reference does.
                var angle = (float)position * (float)frequencies[i];
                (sin[i], cos[i]) = ((float)Math.Sin(angle), (float)Math.Cos(angle));
            }
        }
    }

    /// <summary>Turns every head of one token's row. <paramref name="scratch"/> has at least two heads' room.</summary>
    internal void Apply(Span<float> heads, int position, Span<float> scratch)
    {
        ReadOnlySpan<float> cos = _cos.Row(position), sin = _sin.Row(position);
        for (var at = 0; at < heads.Length; at += 2 * _half)
        {
            Span<float> first = heads.Slice(at, _half), second = heads.Slice(at + _half, _half);
            Span<float> newFirst = scratch[.._half], product = scratch.Slice(_half, _half);
            TensorPrimitives.Multiply(first, cos, newFirst);
            TensorPrimitives.Multiply(second, sin, product);
            TensorPrimitives.Subtract(newFirst, product, newFirst);
            TensorPrimitives.Multiply(first, sin, product);
            TensorPrimitives.Multiply(second, cos, second);
            TensorPrimitives.Add(second, product, second);
            newFirst.CopyTo(first);
        }
    }

    public void Dispose()
    {
        _cos.Dispose();
        _sin.Dispose();
    }

    private static double Scale(double frequency, RopeScaling? scaling)
    {
        if (scaling is null) return frequency;
        if (scaling.Kind == "linear") return frequency / scaling.Factor;
        var wavelength = 2 * Math.PI / frequency;
        if (wavelength < scaling.OriginalPositions / scaling.HighFrequencyFactor) return frequency;
        if (wavelength > scaling.OriginalPositions / scaling.LowFrequencyFactor) return frequency / scaling.Factor;
        var smooth = ((scaling.OriginalPositions / wavelength) - scaling.LowFrequencyFactor)
            / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor);
        return ((1 - smooth) * frequency / scaling.Factor) + (smooth * frequency);
    }
}
