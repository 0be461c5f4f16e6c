using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>The forward pass against a plain double-precision one that shares no code with it.</summary>
public sealed class ForwardTests
{
    [Theory]
    [InlineData(4, 4, 16, 40, true)]   // multi-head
    [InlineData(6, 2, 16, 40, true)]   // grouped: three queries a head
    [InlineData(8, 1, 10, 48, false)]  // multi-query, odd sizes, output matrix of its own
    [InlineData(2, 2, 64, 32, false)]  // heads wider than the model
    public void Logits_are_those_of_a_plain_implementation(int heads, int kvHeads, int headDim, int hidden, bool tied)
    {
        using var test = TestModel.Create(heads: heads, kvHeads: kvHeads, headDim: headDim, hidden: hidden, tied: tied);
        var tokens = Tokens(37, test.Config.VocabularySize);

        AssertClose(new NaiveLlama(test.Config, test.Tensors).Logits(tokens), Run(test, tokens, chunk: 8));
    }

    [Theory]
    [InlineData("F32")]
    [InlineData("BF16")]
    [InlineData("F16")]
    public void Every_element_type_of_a_file_gives_the_same_model(string type)
    {
        using var test = TestModel.Create(type: type);
        var tokens = Tokens(20, test.Config.VocabularySize);

        AssertClose(new NaiveLlama(test.Config, test.Tensors).Logits(tokens), Run(test, tokens, chunk: 64));
    }

    [Fact]
    public void Rope_theta_is_honoured()
    {
        using var test = TestModel.Create(ropeTheta: 500_000);
        var tokens = Tokens(33, test.Config.VocabularySize);
        var naive = new NaiveLlama(test.Config, test.Tensors);
        var logits = Run(test, tokens, chunk: 16);

        AssertClose(naive.Logits(tokens), logits);
        var other = new NaiveLlama(test.Config with { RopeTheta = 10_000 }, test.Tensors).Logits(tokens);
        Assert.Contains(Enumerable.Range(0, logits.Length), i => Math.Abs(other[i] - logits[i]) > 1e-2);
    }

    [Fact]
    public void The_order_of_the_prompt_matters()
    {
        using var test = TestModel.Create();
        var tokens = Tokens(21, test.Config.VocabularySize);
        var swapped = tokens.ToArray();
        (swapped[3], swapped[4]) = (swapped[4], swapped[3] == swapped[4] ? swapped[4] + 1 : swapped[3]);

        Assert.NotEqual(Run(test, tokens, 8), Run(test, swapped, 8));
    }

    [Fact]
    public void Rms_norm_and_softmax_are_theirs()
    {
        float[] x = [3, -4, 0, 12], y = new float[4];
        Kernels.RmsNorm(x, [1, 1, 2, 0.5f], 0, y);
        Assert.Equal([3 / 6.5f, -4 / 6.5f, 0, 6 / 6.5f], y, (a, b) => Math.Abs(a - b) < 1e-6);

        float[] s = [1000, 1001, 999]; // would overflow without the maximum taken off
        Kernels.Softmax(s);
        Assert.Equal([0.24472848f, 0.66524094f, 0.09003057f], s, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Theory]
    [InlineData("linear", 4, 1, 4, 64)]
    [InlineData("llama3", 8, 1, 4, 64)]
    public void Rope_scaling_slows_low_frequencies_only_as_it_says(string kind, double factor, double low, double high, int original)
    {
        var config = new LlamaConfig
        {
            HiddenSize = 8, IntermediateSize = 8, Layers = 1, Heads = 1, KvHeads = 1, HeadDim = 8, VocabularySize = 4, MaxPositions = 128,
        };
        using var rope = new RotaryEmbedding(config with { RopeScaling = new RopeScaling(kind, factor, low, high, original) });
        float[] head = [1, 1, 1, 1, 0, 0, 0, 0];
        rope.Apply(head, 1, new float[8]);
        for (var i = 0; i < 4; i++)
        {
            var frequency = Math.Pow(10_000, -2.0 * i / 8);
            var wavelength = 2 * Math.PI / frequency;
            var expected = kind == "linear" ? frequency / factor
                : wavelength < original / high ? frequency
                : wavelength > original / low ? frequency / factor
                : Blend(frequency, wavelength);
            Assert.True(Math.Abs(Math.Cos(expected) - head[i]) < 1e-6, $"pair {i}: cos {head[i]}, expected {Math.Cos(expected)}");
            Assert.True(Math.Abs(Math.Sin(expected) - head[i + 4]) < 1e-6);
        }

        // Between the two wavelengths: linear in the number of turns over the original positions, from 1/factor to 1.
        double Blend(double frequency, double wavelength)
        {
            var share = ((original / wavelength) - low) / (high - low);
            return frequency * (share + ((1 - share) / factor));
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused_before_anything_is_computed()
    {
        using var test = TestModel.Create();
        using var memory = new KvCacheMemory(test.Config, 20, 16);
        using var runner = new LlamaRunner(test.Model, memory.Cache, 4);
        int[] table = [3, 1];

        Assert.Contains("1 to 4", Assert.Throws<ArgumentException>(() => { runner.Forward(new int[5], 0, table); }).Message, StringComparison.Ordinal);
        Assert.Contains("3 are needed", Assert.Throws<ArgumentException>(() => { runner.Forward(new int[1], 32, table); }).Message, StringComparison.Ordinal);
        Assert.Contains("made for 256", Assert.Throws<ArgumentOutOfRangeException>(() => { runner.Forward(new int[2], 255, table); }).Message, StringComparison.Ordinal);
        Assert.Contains("Token 50", Assert.Throws<ArgumentOutOfRangeException>(() => { runner.Forward([50], 0, table); }).Message, StringComparison.Ordinal);
        Assert.Contains("Block 20", Assert.Throws<ArgumentOutOfRangeException>(() => { runner.Forward([1], 0, [20]); }).Message, StringComparison.Ordinal);
        Assert.Equal(0, runner.TokensComputed);
    }

    internal static int[] Tokens(int count, int vocabulary, int seed = 11)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary))];
    }

    private static float[] Run(TestModel test, int[] tokens, int chunk)
    {
        using var memory = new KvCacheMemory(test.Config, 16, 16);
        using var runner = new LlamaRunner(test.Model, memory.Cache, chunk);
        Assert.True(new BlockAllocator(16, seed: 3).TryTake(memory.Cache.BlocksFor(tokens.Length), out var table));
        return runner.Prefill(tokens, table).ToArray();
    }

    private static void AssertClose(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) < 1e-3 * Math.Max(1, Math.Abs(expected[i])), $"logit {i}: {actual[i]}, expected {expected[i]}");
    }
}
