"""What the models that people have say of themselves: `model_index.json` and
`scheduler/scheduler_config.json` as their authors published them on the Hugging Face hub."""

LATENT_DIFFUSION = {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
                    "num_train_timesteps": 1000, "trained_betas": None}


def index(class_name: str, version: str, scheduler: str, **more) -> dict:
    return {"_class_name": class_name, "_diffusers_version": version,
            "scheduler": ["diffusers", scheduler], "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"], **more}


CHECKED = {"feature_extractor": ["transformers", "CLIPImageProcessor"],
           "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
UNCHECKED = {"feature_extractor": ["transformers", "CLIPFeatureExtractor"],
             "requires_safety_checker": False, "safety_checker": [None, None]}
XL = {"force_zeros_for_empty_prompt": True,
      "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
      "tokenizer_2": ["transformers", "CLIPTokenizer"]}

PUBLISHED = {
    # stable-diffusion-v1-5/stable-diffusion-v1-5
    "sd-1.5": {
        "model_index": index("StableDiffusionPipeline", "0.6.0", "PNDMScheduler", **CHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0",
                      "clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1}},
    # stabilityai/stable-diffusion-2-1
    "sd-2.1": {
        "model_index": index("StableDiffusionPipeline", "0.10.0.dev0", "DDIMScheduler", **UNCHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0",
                      "clip_sample": False, "prediction_type": "v_prediction", "set_alpha_to_one": False,
                      "skip_prk_steps": True, "steps_offset": 1}},
    # stabilityai/stable-diffusion-2-inpainting
    "sd-2-inpainting": {
        "model_index": index("StableDiffusionInpaintPipeline", "0.9.0.dev0", "PNDMScheduler", **UNCHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "PNDMScheduler",
                      "_diffusers_version": "0.9.0.dev0", "clip_sample": False,
                      "prediction_type": "epsilon", "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1}},
    # stabilityai/sd-turbo
    "sd-turbo": {
        "model_index": index("StableDiffusionPipeline", "0.24.0.dev0", "EulerDiscreteScheduler",
                             image_encoder=[None, None], **UNCHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "EulerDiscreteScheduler",
                      "_diffusers_version": "0.24.0.dev0", "clip_sample": False,
                      "interpolation_type": "linear", "prediction_type": "epsilon",
                      "set_alpha_to_one": False, "sigma_max": None, "sigma_min": None,
                      "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "trailing",
                      "timestep_type": "discrete", "use_karras_sigmas": False}},
    # stabilityai/stable-diffusion-xl-base-1.0
    "sdxl-base": {
        "model_index": index("StableDiffusionXLPipeline", "0.19.0.dev0", "EulerDiscreteScheduler", **XL),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "EulerDiscreteScheduler",
                      "_diffusers_version": "0.19.0.dev0", "clip_sample": False,
                      "interpolation_type": "linear", "prediction_type": "epsilon",
                      "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1, "timestep_spacing": "leading", "use_karras_sigmas": False}},
    # stabilityai/sdxl-turbo
    "sdxl-turbo": {
        "model_index": index("StableDiffusionXLPipeline", "0.24.0.dev0", "EulerAncestralDiscreteScheduler",
                             feature_extractor=[None, None], image_encoder=[None, None], **XL),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "EulerAncestralDiscreteScheduler",
                      "_diffusers_version": "0.24.0.dev0", "clip_sample": False,
                      "interpolation_type": "linear", "prediction_type": "epsilon",
                      "sample_max_value": 1.0, "set_alpha_to_one": False, "skip_prk_steps": True,
                      "steps_offset": 1, "timestep_spacing": "trailing", "use_karras_sigmas": False}},
    # SimianLuo/LCM_Dreamshaper_v7
    "lcm-dreamshaper": {
        "model_index": index("LatentConsistencyModelPipeline", "0.22.0.dev0", "LCMScheduler",
                             requires_safety_checker=True, **CHECKED),
        "scheduler": {**LATENT_DIFFUSION, "_class_name": "LCMScheduler",
                      "_diffusers_version": "0.22.0.dev0", "clip_sample": False, "clip_sample_range": 1.0,
                      "dynamic_thresholding_ratio": 0.995, "original_inference_steps": 50,
                      "prediction_type": "epsilon", "rescale_betas_zero_snr": False,
                      "sample_max_value": 1.0, "set_alpha_to_one": True, "steps_offset": 0,
                      "thresholding": False, "timestep_scaling": 10.0, "timestep_spacing": "leading"}},
}
# As diffusers' own exporter wrote it: the revision "onnx" of runwayml/stable-diffusion-v1-5.
ONNX = ["diffusers", "OnnxRuntimeModel"]
PUBLISHED["sd-legacy"] = {"model_index": {
    "_class_name": "OnnxStableDiffusionPipeline", "_diffusers_version": "0.9.0.dev0",
    "feature_extractor": ["transformers", "CLIPFeatureExtractor"], "safety_checker": ONNX,
    "scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ONNX,
    "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ONNX, "vae_decoder": ONNX,
    "vae_encoder": ONNX}}
# Not published as such: with small tiles, and Stable Diffusion XL with a VAE that states mean and deviation.
PUBLISHED["sd-1.5-tiled"], PUBLISHED["sdxl-base-tiled"] = PUBLISHED["sd-1.5"], PUBLISHED["sdxl-base"]
PUBLISHED["sdxl-normalized"] = PUBLISHED["sdxl-base"]
