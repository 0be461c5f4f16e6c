using static System.FormattableString;

namespace Nixl.Sdk.Planning;

/// <summary>Works out strides, tensors and regions of one group from the innermost dimension outwards. The layout is valid.</summary>
internal sealed class GroupPlanner
{
    private readonly KvGroupSchema _group;
    private readonly GroupOrders _orders;
    private readonly ComponentShare[] _shares;
    private readonly KvList<int> _layers;
    private readonly long _blocks;
    private readonly PagePlacement _page;
    private readonly int _components;

    private readonly long[] _extents;        // bytes of what has been laid out so far, per component; equal for all once P is passed
    private readonly long[] _offsets;        // where the component begins behind its predecessors, where P is a stride
    private readonly PieceRuns[] _runs;      // the same for the runs of one block; only the first counts once P is passed
    private readonly List<KvDimPlan>[] _dims;
    private bool _componentsJoined;
    private bool _outsideBlock;
    private bool _offsetsPerBlockCount;

    private GroupPlanner(
        KvGroupSchema group, GroupOrders orders, ComponentShare[] shares, KvList<int> layers, long blocks, PagePlacement page)
    {
        _group = group;
        _orders = orders;
        _shares = shares;
        _layers = layers;
        _blocks = blocks;
        _page = page;
        _components = group.Components.Count;
        _extents = new long[_components];
        _offsets = new long[_components];
        _runs = new PieceRuns[_components];
        _dims = new List<KvDimPlan>[_components];
    }

    public static KvGroupPlan Plan(
        KvGroupSchema group, int index, GroupOrders orders, ComponentShare[] shares, KvList<int> layers, long blocks, PagePlacement page)
    {
        if (layers.Count == 0)
            return new KvGroupPlan(group, index, blocks);
        var planner = new GroupPlanner(group, orders, shares, layers, blocks, page);
        planner.LayTails();
        planner.LayShared();
        return planner.Finish(index);
    }

    private void LayTails()
    {
        for (var c = 0; c < _components; c++)
        {
            var component = _group.Components[c];
            _extents[c] = LayoutMath.ElementBytes(component.Type);
            _runs[c] = new PieceRuns(_extents[c], component.Transfer);
            _dims[c] = [];
            var tail = _orders.Tails[c];
            for (var i = tail.Length - 1; i >= 0; i--)
                Lay(c, tail[i]);
        }
    }

    private void LayShared()
    {
        for (var i = _orders.Shared.Length - 1; i >= 0; i--)
        {
            var dim = _orders.Shared[i];
            if (dim.Kind == DimKind.Component)
            {
                JoinComponents(dim);
                continue;
            }
            for (var c = 0; c < _components; c++)
            {
                if (dim.Kind == DimKind.Block)
                    LayBlocks(c, dim);
                else
                    Lay(c, dim);
            }
            _outsideBlock |= dim.Kind == DimKind.Block;
        }
    }

    private void Lay(int c, OrderDim dim)
    {
        var size = SizeOf(dim, c);
        _dims[c].Add(new KvDimPlan(dim, size, _extents[c], IsTensor: false, _outsideBlock));
        if (HasRuns(c))
            _runs[c].Repeat(size, _extents[c], dim.Kind == DimKind.Layer);
        _extents[c] = checked(_extents[c] * size);
    }

    private void LayBlocks(int c, OrderDim dim)
    {
        // In memory shared with other groups the page is the pool's, and this group's part of it may begin further in. Blocks are the
        // outermost stride there, so that the shift is the same for everything that has been laid out.
        var page = _page.Stride == 0 ? LayoutMath.AlignUp(_extents[c], _group.PageAlign) : _page.Stride;
        _dims[c].Add(new KvDimPlan(dim, _blocks, page, IsTensor: false, PerBlockCount: false));
        if (HasRuns(c))
            _runs[c].PassBlocks(page);
        _extents[c] = checked(page * _blocks);
    }

    private void JoinComponents(OrderDim dim)
    {
        var total = 0L;
        for (var c = 0; c < _components; c++)
        {
            _offsets[c] = total;
            if (c > 0)
                _runs[0].Append(_runs[c], total);
            total = checked(total + _extents[c]);
            _dims[c].Add(new KvDimPlan(dim, _components, 0, IsTensor: false, _outsideBlock));
        }
        for (var c = 0; c < _components; c++)
            _extents[c] = total;
        _componentsJoined = true;
        _offsetsPerBlockCount = _outsideBlock;
    }

    private bool HasRuns(int c) => c == 0 || !_componentsJoined;

    private long SizeOf(OrderDim dim, int c)
    {
        var whole = dim.Kind switch
        {
            DimKind.Layer => _layers.Count,
            DimKind.Head => _shares[c].Heads,
            DimKind.Token => _group.EntriesPerBlock,
            DimKind.Content => _shares[c].Elements,
            DimKind.Component => _components,
            _ => _blocks,
        };
        return dim.Part switch { DimPart.Quotient => whole / dim.Tile, DimPart.Remainder => dim.Tile, _ => whole };
    }

    private KvGroupPlan Finish(int index)
    {
        var tensors = new List<KvTensorPlan>();
        var regions = new List<KvRegion>();
        var total = 0L;
        var count = 1L;
        foreach (var dim in _orders.Tensors)
            count = checked(count * SizeOf(dim, 0));
        if (count > PieceRuns.MaxTensors)
            throw new OverflowException(Invariant($"it is {count} separate tensors; at most {PieceRuns.MaxTensors} can be planned"));
        AddTensors(0, 0, -1, 0, tensors, regions);
        foreach (var tensor in tensors)
            total = checked(total + tensor.Bytes);
        var bytes = 0L;
        foreach (var region in regions)
            bytes = checked(bytes + region.Length);
        var components = new KvComponentPlan[_components];
        for (var c = 0; c < _components; c++)
            components[c] = FinishComponent(c);
        return new KvGroupPlan(_group, index, _blocks)
        {
            Layers = _layers,
            Tensors = new KvList<KvTensorPlan>(tensors.ToArray()),
            Components = new KvList<KvComponentPlan>(components),
            Regions = new KvList<KvRegion>(regions.ToArray()),
            BytesPerBlock = bytes,
            PageBytesPerBlock = total / _blocks,
            TotalBytes = total,
        };
    }

    // Walks the dimensions left of the bar, outermost first, so that tensors come out in index order.
    private void AddTensors(int depth, int component, int layer, int head, List<KvTensorPlan> tensors, List<KvRegion> regions)
    {
        if (depth < _orders.Tensors.Length)
        {
            var dim = _orders.Tensors[depth];
            var size = SizeOf(dim, 0);
            for (var i = 0; i < size; i++)
            {
                AddTensors(
                    depth + 1,
                    dim.Kind == DimKind.Component ? i : component,
                    dim.Kind == DimKind.Layer ? i : layer,
                    dim.Kind == DimKind.Head ? i : head,
                    tensors, regions);
            }
            return;
        }
        var index = tensors.Count;
        tensors.Add(new KvTensorPlan(index, NameTensor(component, layer, head), _extents[component], PageStride(component),
            _orders.Shared[0].Kind == DimKind.Block));
        foreach (var run in _runs[component].Runs)
        {
            var ofLayer = layer >= 0 ? layer : _layers.Count == 1 ? 0 : run.Layer;
            regions.Add(new KvRegion(index, checked(run.Offset + _page.Offset), run.Stride, run.Length, _blocks, ofLayer));
            if (regions.Count > PieceRuns.MaxPieces)
                throw new OverflowException(Invariant($"one block is more than {PieceRuns.MaxPieces} separate pieces"));
        }
    }

    private string NameTensor(int component, int layer, int head)
    {
        var name = layer >= 0 ? Invariant($"layer {_layers[layer]}") : _layers.Count == 1 ? Invariant($"layer {_layers[0]}") : "all layers";
        if (_orders.IsTensor(DimKind.Head))
            name += Invariant($", head {_shares[component].FirstHead + head}");
        return _orders.IsTensor(DimKind.Component) || _components == 1 ? name + ", " + _group.Components[component].Name : name;
    }

    private long PageStride(int component)
    {
        var stride = BlockStride(component);
        for (var c = 0; _componentsJoined && c < _components; c++)
        {
            if (BlockStride(c) != stride)
                return 0;
        }
        return stride;
    }

    private long BlockStride(int c) => _dims[c].Find(dim => dim.Dim.Kind == DimKind.Block)!.Stride;

    private KvComponentPlan FinishComponent(int c)
    {
        var dims = new List<KvDimPlan>();
        foreach (var dim in _orders.Tensors)
            dims.Add(new KvDimPlan(dim, SizeOf(dim, c), 0, IsTensor: true, PerBlockCount: false));
        for (var i = _dims[c].Count - 1; i >= 0; i--)
            dims.Add(_dims[c][i]);
        long bytes = LayoutMath.ElementBytes(_group.Components[c].Type);
        foreach (var dim in dims)
        {
            if (dim.Dim.Kind is not (DimKind.Block or DimKind.Component))
                bytes = checked(bytes * dim.Size);
        }
        return new KvComponentPlan(_group.Components[c], c, _shares[c], checked(_offsets[c] + _page.Offset), _offsetsPerBlockCount,
            new KvList<KvDimPlan>(dims.ToArray()), bytes);
    }
}
