using System.Numerics;

namespace Nixl.Sdk.Serving;

/// <summary>
/// Which bytes of which blocks and layers have come from which source rank: one bit for each layer of each block of each part of the plan,
/// and byte ranges where a block comes in pieces. What is declared twice counts once.
/// </summary>
/// <remarks>Not thread-safe: the pool's lock guards it. Whole blocks are recorded without an allocation.</remarks>
internal sealed class LeaseCoverage
{
    /// <summary>Separate ranges that are kept of a layer of a block: one for so many of its bytes…</summary>
    internal const int BytesPerPiece = 256;

    /// <summary>…and at least so many; on the average of a part's layers and blocks.</summary>
    internal const int LeastPieces = 64;

    private readonly int _cached;
    private readonly int _words;
    private readonly int[] _rows; // first row of each part; a row is one layer of it
    private readonly ulong[] _arrived;
    private readonly int[] _missing; // blocks that each row lacks
    private readonly int[] _missingRows; // rows of each part that lack some
    private readonly long[] _ranges; // of each part, kept in pieces
    private Dictionary<(int Row, int Block), ByteRanges>? _pieces;

    public LeaseCoverage(ArrivalPlan plan, int blocks, int cached)
    {
        Plan = plan;
        Blocks = blocks;
        _cached = cached;
        _words = (blocks + 63) / 64;
        _rows = new int[plan.Parts.Count + 1];
        for (var i = 0; i < plan.Parts.Count; i++)
            _rows[i + 1] = _rows[i] + plan.Parts[i].LayerCount;
        _arrived = new ulong[checked(_rows[^1] * _words)];
        _missing = new int[_rows[^1]];
        _missingRows = new int[plan.Parts.Count];
        _ranges = new long[plan.Parts.Count];
        for (var i = 0; i < plan.Parts.Count; i++)
            Clear(i);
    }

    public ArrivalPlan Plan { get; }

    /// <summary>Blocks that are expected, those from the prefix cache too.</summary>
    public int Blocks { get; }

    /// <summary>Changes whenever something arrives or is expected anew.</summary>
    public int Version { get; private set; }

    public bool IsComplete => !_missingRows.AsSpan().ContainsAnyExcept(0);

    public bool IsPartComplete(int part) => _missingRows[part] == 0;

    /// <summary>Whether a layer, by the model's index, has come from all who give something of it.</summary>
    public bool IsLayerComplete(int layer)
    {
        for (var part = 0; part < Plan.Parts.Count; part++)
        {
            var layers = Plan.Parts[part].Layers.AsSpan();
            var at = layers.Length == 0 ? 0 : layers.BinarySearch(layer);
            if (at >= 0 && (layers.Length == 0 ? _missingRows[part] : _missing[_rows[part] + at]) != 0)
                return false;
        }
        return true;
    }

    /// <summary>Forgets what a part's earlier writer has written: another one begins anew and overwrites it.</summary>
    public void Clear(int part)
    {
        Version++;
        for (var row = _rows[part]; row < _rows[part + 1]; row++)
        {
            _arrived.AsSpan(row * _words, _words).Clear();
            _missing[row] = Blocks - _cached;
        }
        _missingRows[part] = Blocks == _cached ? 0 : Plan.Parts[part].LayerCount;
        _ranges[part] = 0;
        if (_pieces is null)
            return;
        foreach (var key in _pieces.Keys)
            if (key.Row >= _rows[part] && key.Row < _rows[part + 1]) _pieces.Remove(key);
    }

    /// <summary>Records a declaration, or nothing of it if it does not fit, is not of <paramref name="bytes"/> bytes, or would leave so many
    /// separate ranges that a peer could fill the memory with them.</summary>
    public bool TryAdd(int part, ReadOnlySpan<ArrivalRun> runs, long bytes)
    {
        var declared = Plan.Parts[part];
        var ranges = _ranges[part];
        foreach (ref readonly var run in runs)
        {
            if (!Fits(run, declared) || bytes < 0)
                return false;
            bytes -= checked(run.Length * run.Layers * run.Blocks); // each factor is within the lease, so the product is within memory
            if (run.Length != declared.BytesPerLayer)
                ranges += (long)run.Layers * run.Blocks; // at most
        }
        if (bytes != 0 || (ranges > _ranges[part] && ranges > MostRanges(declared)))
            return false;
        Version++;
        foreach (ref readonly var run in runs)
        {
            for (var layer = run.Layer; layer < run.Layer + run.Layers; layer++)
            {
                if (run.Length == declared.BytesPerLayer)
                    AddWhole(part, _rows[part] + layer, run.Block, run.Block + run.Blocks);
                else
                    AddPieces(part, _rows[part] + layer, run, declared.BytesPerLayer);
            }
        }
        return true;
    }

    /// <summary>Takes back that a layer of a block has come whole: its bytes are not what was sent.</summary>
    public void Remove(int part, int layer, int block)
    {
        var row = _rows[part] + layer;
        ref var bits = ref _arrived[row * _words + block / 64];
        if ((bits >> (block % 64) & 1) == 0)
            return;
        Version++;
        bits &= ~(1UL << (block % 64));
        if (_pieces is not null && _pieces.Remove((row, block), out var pieces)) // that came before the whole did
            _ranges[part] -= pieces.Count;
        if (_missing[row]++ == 0)
            _missingRows[part]++;
    }

    /// <summary>Whether a layer of a block has come whole; if not, which bytes are missing first.</summary>
    public bool Has(int part, int layer, int block, out (long Start, long End) gap)
    {
        var row = _rows[part] + layer;
        gap = (0, Plan.Parts[part].BytesPerLayer);
        if (block < _cached || (_arrived[row * _words + block / 64] >> (block % 64) & 1) != 0)
            return true;
        if (_pieces is not null && _pieces.TryGetValue((row, block), out var pieces))
            gap = pieces.FirstGap(gap.End);
        return false;
    }

    private long MostRanges(ArrivalPart part) => (long)part.LayerCount * (Blocks - _cached) * Math.Max(LeastPieces, part.BytesPerLayer / BytesPerPiece);

    // Nobody may have written what came out of the prefix cache: others read it.
    private bool Fits(in ArrivalRun run, ArrivalPart part) =>
        Within(run.Layer, run.Layers, 0, part.LayerCount) && Within(run.Block, run.Blocks, _cached, Blocks) && Within(run.Offset, run.Length, 0, part.BytesPerLayer);

    private static bool Within(long first, long count, long from, long to) => first >= from && count > 0 && first <= to && count <= to - first;

    private void AddWhole(int part, int row, int first, int end)
    {
        var added = 0;
        for (var word = first / 64; word * 64 < end; word++)
        {
            var mask = ulong.MaxValue;
            if (word * 64 < first)
                mask &= ulong.MaxValue << (first % 64);
            if (end - word * 64 < 64)
                mask &= (1UL << (end % 64)) - 1;
            ref var bits = ref _arrived[row * _words + word];
            added += BitOperations.PopCount(mask & ~bits);
            bits |= mask;
        }
        if (added > 0 && (_missing[row] -= added) == 0)
            _missingRows[part]--;
    }

    private void AddPieces(int part, int row, in ArrivalRun run, long whole)
    {
        _pieces ??= [];
        for (var block = run.Block; block < run.Block + run.Blocks; block++)
        {
            if ((_arrived[row * _words + block / 64] >> (block % 64) & 1) != 0)
                continue; // whole already
            if (!_pieces.TryGetValue((row, block), out var pieces))
                _pieces.Add((row, block), pieces = new ByteRanges());
            _ranges[part] += pieces.Add(run.Offset, run.Offset + run.Length);
            if (!pieces.Covers(whole))
                continue;
            _pieces.Remove((row, block));
            _ranges[part]--;
            AddWhole(part, row, block, block + 1);
        }
    }
}
