using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Nixl.Sdk.Samples.Model;

/// <summary>
/// Paged attention of one query head: block by block in the order of the positions, wherever the blocks lie and whatever strides the pool
/// has. The order of operations depends on the number of positions alone.
/// </summary>
internal static unsafe class AttentionKernel
{
    private const int Lanes = 8;

    /// <summary>result = softmax(query · Kᵀ / √headDim) · V over positions 0 to <paramref name="positions"/> - 1.</summary>
    /// <param name="cache">The rank's cache.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="kvHead">Which of the cache's heads.</param>
    /// <param name="blockTable">The sequence's blocks, checked by the caller against the cache and the positions.</param>
    /// <param name="positions">Positions to attend to; at least 1.</param>
    /// <param name="query">The rotated query, headDim floats.</param>
    /// <param name="scores">Room for a score per position.</param>
    /// <param name="result">headDim floats.</param>
    internal static void Run(
        PagedKvCache cache, int layer, int kvHead, ReadOnlySpan<int> blockTable, int positions, float* query, Span<float> scores, float* result)
    {
        var dim = cache.HeadDim;
        scores = scores[..positions];
        for (var index = 0; index * cache.BlockTokens < positions; index++)
        {
            var first = index * cache.BlockTokens;
            Score(query, cache.Keys(layer, blockTable[index], kvHead), dim, scores[first..Math.Min(first + cache.BlockTokens, positions)]);
        }
        TensorPrimitives.Multiply(scores, 1f / MathF.Sqrt(dim), scores);
        Kernels.Softmax(scores);
        var element = 0;
        for (; element <= dim - (4 * Lanes); element += 4 * Lanes) SumFour(cache, layer, kvHead, blockTable, scores, element, result);
        for (; element <= dim - Lanes; element += Lanes) SumOne(cache, layer, kvHead, blockTable, scores, element, result);
        for (; element < dim; element++) SumScalar(cache, layer, kvHead, blockTable, scores, element, result);
    }

    /// <summary>The query times the keys of one block.</summary>
    private static void Score(float* query, HeadRows keys, int dim, Span<float> scores)
    {
        var slot = 0;
        for (; slot <= scores.Length - 4; slot += 4)
            LinearKernel.Four(keys[slot], keys[slot + 1], keys[slot + 2], keys[slot + 3], query, dim).CopyTo(scores[slot..]);
        for (; slot < scores.Length; slot++) scores[slot] = LinearKernel.Dot(keys[slot], query, dim);
    }

    /// <summary>32 elements of the weighted sum of values, in registers over all positions.</summary>
    private static void SumFour(
        PagedKvCache cache, int layer, int kvHead, ReadOnlySpan<int> blockTable, ReadOnlySpan<float> weights, int first, float* result)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (int p = 0, index = 0; p < weights.Length; index++)
        {
            var rows = cache.Values(layer, blockTable[index], kvHead);
            var end = Math.Min(p + cache.BlockTokens, weights.Length);
            for (var slot = 0; p < end; p++, slot++)
            {
                var value = rows[slot] + first;
                var weight = Vector256.Create(weights[p]);
                s0 = Vector256.FusedMultiplyAdd(Vector256.Load(value), weight, s0);
                s1 = Vector256.FusedMultiplyAdd(Vector256.Load(value + Lanes), weight, s1);
                s2 = Vector256.FusedMultiplyAdd(Vector256.Load(value + (2 * Lanes)), weight, s2);
                s3 = Vector256.FusedMultiplyAdd(Vector256.Load(value + (3 * Lanes)), weight, s3);
            }
        }
        s0.Store(result + first);
        s1.Store(result + first + Lanes);
        s2.Store(result + first + (2 * Lanes));
        s3.Store(result + first + (3 * Lanes));
    }

    private static void SumOne(
        PagedKvCache cache, int layer, int kvHead, ReadOnlySpan<int> blockTable, ReadOnlySpan<float> weights, int first, float* result)
    {
        Vector256<float> sum = default;
        for (int p = 0, index = 0; p < weights.Length; index++)
        {
            var rows = cache.Values(layer, blockTable[index], kvHead);
            var end = Math.Min(p + cache.BlockTokens, weights.Length);
            for (var slot = 0; p < end; p++, slot++)
                sum = Vector256.FusedMultiplyAdd(Vector256.Load(rows[slot] + first), Vector256.Create(weights[p]), sum);
        }
        sum.Store(result + first);
    }

    private static void SumScalar(
        PagedKvCache cache, int layer, int kvHead, ReadOnlySpan<int> blockTable, ReadOnlySpan<float> weights, int element, float* result)
    {
        var sum = 0f;
        for (var p = 0; p < weights.Length; p++)
            sum = MathF.FusedMultiplyAdd(cache.Values(layer, blockTable[p / cache.BlockTokens], kvHead)[p % cache.BlockTokens][element], weights[p], sum);
        result[element] = sum;
    }
}
