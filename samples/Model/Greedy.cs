using System.Numerics.Tensors;

namespace Nixl.Sdk.Samples.Model;

/// <summary>Greedy choice: the largest logit, the lowest id where several are equal. Deterministic.</summary>
public static class Greedy
{
    /// <summary>The id of the largest logit.</summary>
    /// <exception cref="ArithmeticException">A logit is NaN: something read a cache block that was never filled.</exception>
    public static int Choose(ReadOnlySpan<float> logits)
    {
        var best = TensorPrimitives.IndexOfMax(logits); // the index of a NaN, if there is one
        if (best < 0 || float.IsNaN(logits[best]))
            throw new ArithmeticException("The logits are not numbers: a poisoned cache block was read.");
        return best;
    }
}
