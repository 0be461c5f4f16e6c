using System.Text;
using System.Text.Json;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>
/// The shipped model against logits that TorchSharp computed from the same file (samples/Trainer, command <c>fixture</c>), and
/// against what it is shipped for: text that is recognisably English.
/// </summary>
public sealed class TorchFixtureTests : IDisposable
{
    private readonly LlamaModel _model = LlamaModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "kjv-bytes"));

    public void Dispose() => _model.Dispose();

    [Fact]
    public void Logits_are_those_of_TorchSharp()
    {
        using var fixture = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "fixtures", "kjv-bytes-logits.json")));
        var cases = fixture.RootElement.GetProperty("cases").EnumerateArray().ToList();
        Assert.Equal(3, cases.Count);
        foreach (var one in cases)
        {
            var expected = one.GetProperty("logits").EnumerateArray().Select(v => v.GetSingle()).ToArray();
            using var memory = new KvCacheMemory(_model.Config, 32, 16);
            using var runner = new LlamaRunner(_model, memory.Cache);
            Assert.True(new BlockAllocator(32, 4).TryTake(20, out var table));
            var actual = runner.Prefill(new ByteTokenizer().Encode(one.GetProperty("prompt").GetString()!), table).ToArray();

            Assert.Equal(expected.Length, actual.Length);
            for (var i = 0; i < expected.Length; i++)
                Assert.True(Math.Abs(expected[i] - actual[i]) < 2e-3, $"logit {i}: {actual[i]}, TorchSharp has {expected[i]}");
            Assert.Equal(Array.IndexOf(expected, expected.Max()), Greedy.Choose(actual));
        }
    }

    [Fact]
    public void Greedy_text_is_made_of_English_words()
    {
        using var memory = new KvCacheMemory(_model.Config, 32, 16);
        using var runner = new LlamaRunner(_model, memory.Cache);
        int[] table = [.. Enumerable.Range(0, 32)];
        var tokenizer = new ByteTokenizer();
        var prompt = tokenizer.Encode("And it came to pass in those days, that");
        List<int> answer = [Greedy.Choose(runner.Prefill(prompt, table))];
        while (answer.Count < 120) answer.Add(Greedy.Choose(runner.Forward([answer[^1]], prompt.Length + answer.Count - 1, table)));

        var text = tokenizer.Decode([.. answer]);
        string[] common = ["the", "and", "of", "to", "in", "that", "he", "shall", "unto", "lord", "his", "which", "be", "was", "they", "children", "king", "is", "for"];
        var words = text.ToLowerInvariant().Split([' ', '\n', ',', '.', ';', ':'], StringSplitOptions.RemoveEmptyEntries);
        Assert.True(words.Count(common.Contains) >= words.Length / 3, text);
        Assert.All(Encoding.UTF8.GetBytes(text), b => Assert.InRange(b, (byte)'\n', (byte)'~'));
    }
}
