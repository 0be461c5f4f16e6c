using System.Diagnostics;
using System.Text;

namespace Nixl.Sdk.Samples.Trainer;

/// <summary>
/// The King James text as byte tokens. A chapter is a document: BOS, its verses one per line, EOS. Every fortieth chapter is
/// held out.
/// </summary>
internal sealed class Corpus
{
    internal const int Bos = 256;
    internal const int Eos = 257;
    internal const int VocabularySize = 258;
    private const int HoldOutEvery = 40;

    private readonly short[] _train;
    private readonly int[] _verseStarts;

    private Corpus(short[] train, int[] verseStarts, short[] heldOut)
    {
        _train = train;
        _verseStarts = verseStarts;
        HeldOut = heldOut;
    }

    internal int TrainTokens => _train.Length;

    internal short[] HeldOut { get; }

    /// <summary>Reads the text from Debian's <c>bible</c> program (packages bible-kjv and bible-kjv-text).</summary>
    internal static Corpus FromDebianPackage()
    {
        // -f prints one verse a line as "Ge1:1 In the beginning …"; the range is the whole text.
        var start = new ProcessStartInfo("bible") { RedirectStandardOutput = true, ArgumentList = { "-f", "gen1:1-rev22:21" } };
        using var process = Process.Start(start) ?? throw new InvalidOperationException("bible did not start.");
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0 || text.Length < 4_000_000)
            throw new InvalidOperationException($"bible ended with {process.ExitCode} after {text.Length} characters.");
        return Parse(text);
    }

    internal static Corpus Parse(string text)
    {
        List<short> train = [], heldOut = [];
        List<int> verseStarts = [];
        var chapter = "";
        var chapters = 0;
        var into = train;
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0 || space < colon) throw new FormatException($"Not a verse: '{line}'.");
            if (line[..colon] != chapter)
            {
                if (chapters > 0) into.Add(Eos);
                chapter = line[..colon];
                into = ++chapters % HoldOutEvery == 0 ? heldOut : train;
                into.Add(Bos);
            }
            if (ReferenceEquals(into, train)) verseStarts.Add(train.Count);
            foreach (var b in Encoding.UTF8.GetBytes(line[(space + 1)..])) into.Add(b);
            into.Add((byte)'\n');
        }
        into.Add(Eos);
        return new Corpus([.. train], [.. verseStarts], [.. heldOut]);
    }

    /// <summary>
    /// Fills a batch of <paramref name="rows"/> sequences of <paramref name="length"/> + 1 tokens. Half of them start as a prompt
    /// does, with BOS before a verse, the others anywhere.
    /// </summary>
    internal long[] Sample(Random random, int rows, int length)
    {
        var batch = new long[rows * (length + 1)];
        for (var row = 0; row < rows; row++)
        {
            var target = batch.AsSpan(row * (length + 1), length + 1);
            if (row % 2 == 0)
            {
                var verse = _verseStarts[random.Next(_verseStarts.Length)];
                target[0] = Bos;
                Copy(Math.Min(verse, _train.Length - length), target[1..]);
            }
            else
            {
                Copy(random.Next(_train.Length - length - 1), target);
            }
        }
        return batch;
    }

    private void Copy(int from, Span<long> target)
    {
        for (var i = 0; i < target.Length; i++) target[i] = _train[from + i];
    }
}
