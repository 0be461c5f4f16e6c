using System.Runtime.InteropServices;

namespace Nixl.Sdk.Bench.Processes;

/// <summary>Random ids on both sides, each once; the same in every run. Written to a file they are what the references move.</summary>
internal sealed class Permutation : IDisposable
{
    private string? _path;

    public Permutation(int count)
    {
        From = Shuffled(count, 1);
        To = Shuffled(count, 2);
    }

    public int[] From { get; }

    public int[] To { get; }

    /// <summary>A temporary file: all of <see cref="From"/>, then all of <see cref="To"/>, 32 bits each.</summary>
    public string Path
    {
        get
        {
            if (_path is null)
            {
                _path = System.IO.Path.GetTempFileName();
                File.WriteAllBytes(_path, [.. MemoryMarshal.AsBytes<int>(From), .. MemoryMarshal.AsBytes<int>(To)]);
            }

            return _path;
        }
    }

    public void Dispose()
    {
        if (_path is not null)
            File.Delete(_path);
    }

    private static int[] Shuffled(int count, int seed)
    {
        var ids = Enumerable.Range(0, count).ToArray();
        new Random(seed).Shuffle(ids);
        return ids;
    }
}
