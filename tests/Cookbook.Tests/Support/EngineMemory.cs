using System.Runtime.InteropServices;

namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>Memory of "the engine": tensors with gaps around them that no transfer may touch.</summary>
internal sealed unsafe class EngineMemory : IDisposable
{
    private const int Align = 64;
    private const int Gap = 3 * Align;
    private readonly void* _memory;

    /// <param name="groups">The groups.</param>
    /// <param name="blocks">The number of blocks of each.</param>
    /// <param name="carved">No gaps between tensors, only before the first and behind the last.</param>
    /// <param name="shared">Tensor i of every group is the same one.</param>
    public EngineMemory(NaiveGroup[] groups, int[] blocks, bool carved, bool shared)
    {
        var offset = (long)Gap;
        var first = new Dictionary<int, long>();
        var tensors = groups.Zip(blocks, static (group, count) => group.Tensors(count)).ToArray();
        var starts = tensors.Select(group => group.Select((bytes, i) =>
        {
            if (shared && first.TryGetValue(i, out var same))
                return same;
            var start = first[i] = offset;
            offset = carved ? offset + bytes : (offset + bytes + Gap + Align - 1) / Align * Align;
            return start;
        }).ToArray()).ToArray();
        offset += Gap;
        _memory = NativeMemory.AlignedAlloc((nuint)offset, Align);
        var address = (nint)_memory;
        Binding = new KvPoolBinding([.. groups.Select((group, g) => new KvGroupBinding(
            [.. starts[g].Zip(tensors[g], (start, bytes) => new KvTensorBinding(address + (nint)start, bytes, group.PageStride))]))]);
        Gaps = MakeGaps(address, offset);
    }

    public KvPoolBinding Binding { get; }

    /// <summary>What lies outside of all tensors.</summary>
    public IReadOnlyList<Area> Gaps { get; }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private List<Area> MakeGaps(nint address, long length)
    {
        var gaps = new List<Area>();
        var at = address;
        foreach (var tensor in Binding.Groups.SelectMany(group => group.Tensors).Distinct())
        {
            gaps.Add(new Area(at, (int)(tensor.Address - at)));
            at = tensor.Address + (nint)tensor.Length;
        }
        gaps.Add(new Area(at, (int)(address + (nint)length - at)));
        return gaps;
    }
}
