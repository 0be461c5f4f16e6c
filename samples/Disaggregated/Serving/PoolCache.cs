using Nixl.Sdk.Planning;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Lays the model's paged cache over a pool, whatever order the layout type gives it.</summary>
internal static class PoolCache
{
    internal static PagedKvCache Over<TLayout>(KvPool<TLayout> pool, LlamaConfig config)
        where TLayout : IKvLayout<TLayout>
    {
        var group = pool.Plan.Groups[0];
        return new PagedKvCache(config, Tensors(group.Components[0]), Tensors(group.Components[1]), pool.Blocks, group.Schema.BlockTokens);

        PagedTensor[] Tensors(KvComponentPlan component)
        {
            if (component.StrideOf(DimKind.Content) != component.ElementBytes)
                throw new NotSupportedException($"Order '{group.Schema.Order}' does not keep the elements of a head side by side; this engine needs that.");
            return [.. Enumerable.Range(0, config.Layers).Select(layer =>
            {
                var (tensor, offset) = component.Locate(layer, 0, 0, 0, 0);
                return new PagedTensor(
                    pool.TensorAddress(tensor) + (nint)offset, component.StrideOf(DimKind.Block), component.StrideOf(DimKind.Token), component.StrideOf(DimKind.Head));
            })];
        }
    }
}
